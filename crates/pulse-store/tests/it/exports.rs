//! History for other programs: whole, in order, and readable.

use std::io::Read;

use pulse_core::metric::{Metric, ResourceType};
use pulse_store::{
    MetricStore, Tier,
    export::{ExportFormat, ExportRequest, ExportSummary, export},
};

use crate::support::{Fixture, START, at, guest};

fn request(tier: Tier) -> ExportRequest {
    ExportRequest {
        tier,
        from: at(START),
        to: at(START + 90_000),
        resource_types: vec![],
        resource_id: None,
        metrics: vec![],
    }
}

async fn write(
    f: Fixture,
    request: ExportRequest,
    format: ExportFormat,
) -> (Fixture, Vec<u8>, ExportSummary) {
    tokio::task::spawn_blocking(move || {
        let mut out = vec![];
        let summary = export(&f.store, &request, format, &mut out, |_| {}).unwrap();
        (f, out, summary)
    })
    .await
    .unwrap()
}

async fn filled() -> Fixture {
    let f = Fixture::new();
    // An hour and a half: one hour is sealed, the rest is open.
    f.play(3, 540, |guest, second| guest as f64 + (second % 100) as f64 / 8.0).await;
    f.put("a,\"b\"", Metric::NetIn, START + 5_000, 12_345.0);
    f.store.flush().await.unwrap();
    f
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_has_every_sample_once() {
    let (f, out, summary) = write(filled().await, request(Tier::Raw), ExportFormat::Csv).await;
    assert_eq!(summary, ExportSummary { series: 4, rows: 3 * 540 + 1 });
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 1 + 3 * 540 + 1);
    assert_eq!(lines[0], "time,resource_type,resource_id,metric,value,min,max,count");
    assert_eq!(lines[1], "2026-11-23T08:00:00Z,vm,lab:n1:100,cpu,0,0,0,1");
    assert_eq!(lines[2], "2026-11-23T08:00:10Z,vm,lab:n1:100,cpu,1.25,1.25,1.25,1");
    assert_eq!(lines[1621], "2026-11-23T09:23:20Z,vm,\"a,\"\"b\"\"\",netin,12345,12345,12345,1");

    let minutes = ExportRequest { resource_id: Some(guest(1).into()), ..request(Tier::Minute) };
    let (f, out, summary) = write(f, minutes, ExportFormat::Csv).await;
    assert_eq!(summary, ExportSummary { series: 1, rows: 90 });
    assert!(
        String::from_utf8(out).unwrap().contains("2026-11-23T08:00:00Z,vm,lab:n1:101,cpu,4.125,1,7.25,6\r\n")
    );

    let none = ExportRequest { resource_types: vec![ResourceType::Node], ..request(Tier::Raw) };
    assert_eq!(write(f, none, ExportFormat::Csv).await.2, ExportSummary::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_says_the_same_in_its_own_form() {
    let (f, out, summary) = write(filled().await, request(Tier::Raw), ExportFormat::Parquet).await;
    assert_eq!(summary.rows, 3 * 540 + 1);
    assert_eq!((&out[..4], &out[out.len() - 4..]), (&b"PAR1"[..], &b"PAR1"[..]));
    let footer_bytes = u32::from_le_bytes(out[out.len() - 8..out.len() - 4].try_into().unwrap()) as usize;
    let footer = Thrift(&out[out.len() - 8 - footer_bytes..]).structure();
    assert_eq!(footer.field(3).number(), 1621);
    let names: Vec<String> =
        footer.field(2).list().iter().skip(1).map(|column| column.field(4).text()).collect();
    assert_eq!(names, ["time", "resource_type", "resource_id", "metric", "value", "min", "max", "count"]);

    let groups = footer.field(4).list();
    assert_eq!(groups.len(), 1);
    let column = |place: usize| {
        let meta = groups[0].field(1).list()[place].field(3).clone();
        assert_eq!(meta.field(5).number(), 1621);
        let start = meta.field(9).number() as usize;
        let mut page = Thrift(&out[start..]);
        let head = page.structure();
        let body = &page.0[..head.field(3).number() as usize];
        let mut plain = vec![];
        flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap();
        assert_eq!(plain.len() as i64, head.field(2).number());
        assert_eq!(start + meta.field(7).number() as usize, out.len() - page.0.len() + body.len());
        plain
    };
    let numbers = |bytes: Vec<u8>| -> Vec<[u8; 8]> { bytes.as_chunks::<8>().0.to_vec() };
    let times: Vec<i64> = numbers(column(0)).into_iter().map(i64::from_le_bytes).collect();
    assert_eq!((times.len(), times[0], times[1]), (1621, START * 1000, START * 1000 + 10_000));
    let values: Vec<f64> = numbers(column(4)).into_iter().map(f64::from_le_bytes).collect();
    assert_eq!((values[1], values[1620]), (1.25, 12_345.0));
    assert!(column(2).ends_with(b"\x05\0\0\0a,\"b\""));
    drop(f);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_is_full_ends_the_export_with_a_reason() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let f = filled().await;
    let error = tokio::task::spawn_blocking(move || {
        export(&f.store, &request(Tier::Raw), ExportFormat::Csv, &mut Full, |_| {}).unwrap_err()
    })
    .await
    .unwrap();
    assert!(error.to_string().starts_with("cannot write the export"), "{error}");
}

/// Reads Thrift's compact protocol, for the footer.
struct Thrift<'a>(&'a [u8]);

#[derive(Debug, Clone)]
enum Value {
    Number(i64),
    Text(String),
    List(Vec<Value>),
    Struct(Vec<(i16, Value)>),
}

impl Value {
    fn field(&self, id: i16) -> &Value {
        let Value::Struct(fields) = self else { panic!("{self:?} is no struct") };
        &fields.iter().find(|(of, _)| *of == id).unwrap_or_else(|| panic!("no field {id}")).1
    }

    fn number(&self) -> i64 {
        let Value::Number(number) = self else { panic!("{self:?} is no number") };
        *number
    }

    fn text(&self) -> String {
        let Value::Text(text) = self else { panic!("{self:?} is no text") };
        text.clone()
    }

    fn list(&self) -> &[Value] {
        let Value::List(list) = self else { panic!("{self:?} is no list") };
        list
    }
}

impl Thrift<'_> {
    fn byte(&mut self) -> u8 {
        let byte = self.0[0];
        self.0 = &self.0[1..];
        byte
    }

    fn varint(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return value;
            }
        }
    }

    fn value(&mut self, kind: u8) -> Value {
        match kind {
            5 | 6 => {
                let value = self.varint();
                Value::Number((value >> 1) as i64 ^ -((value & 1) as i64))
            }
            8 => {
                let length = self.varint() as usize;
                let (text, rest) = self.0.split_at(length);
                self.0 = rest;
                Value::Text(String::from_utf8(text.to_vec()).unwrap())
            }
            9 => {
                let head = self.byte();
                let length = if head >> 4 == 15 { self.varint() } else { u64::from(head >> 4) };
                Value::List((0..length).map(|_| self.value(head & 15)).collect())
            }
            12 => self.structure(),
            other => panic!("type {other}"),
        }
    }

    fn structure(&mut self) -> Value {
        let (mut fields, mut id) = (vec![], 0);
        loop {
            let head = self.byte();
            if head == 0 {
                return Value::Struct(fields);
            }
            id += i16::from(head >> 4);
            let value = self.value(head & 15);
            fields.push((id, value));
        }
    }
}
