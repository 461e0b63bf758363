//! The targets of `fuzz/`, run for a while by an ordinary compiler: what reads strangers' bytes is given bent ones in every
//! run of the suite, other ones each time. A failure prints the bytes; put them into a file of `fuzz/seeds/` to keep them.
//!
//! `PULSE_FUZZ_SECONDS=180 cargo test -p pulse-api --test it fuzz::` runs each for three minutes.

use std::{
    fs,
    hash::{BuildHasher, Hasher, RandomState},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    time::{Duration, Instant},
};

#[path = "../../../../../fuzz/targets/bundle.rs"]
mod bundle;
#[path = "../../../../../fuzz/targets/cookie.rs"]
mod cookie;
#[path = "../../../../../fuzz/targets/id_token.rs"]
mod id_token;
#[path = "../../../../../fuzz/targets/settings.rs"]
mod settings;
#[path = "../../../../../fuzz/targets/token.rs"]
mod token;

/// How long each target runs where nothing else is asked for.
const SECONDS: u64 = 2;
/// No input is longer.
const MOST_BYTES: usize = 16 * 1024;

/// What means something to one parser or another.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    ";",
    "=",
    ".",
    "%00",
    "\0",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "-1",
    "1e999",
    "18446744073709551616",
    "\"*\"",
    "__proto__",
    "Basic ",
    "Bearer ",
    "pulse_session=",
    "&token=",
    "version",
    "4.1",
    "apiTokens",
    "nodes",
    "hash",
    "PULSE_AUTH_PASS='",
    "\r\n",
    "\u{feff}",
    "\u{202e}",
    "=====",
    "e30.",
    "alg",
    "none",
    "kid",
];

/// Numbers that differ from run to run, good enough to bend bytes with.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end.max(1) as u64).unwrap()
    }

    /// Two places within, in order.
    fn range(&mut self, len: usize) -> (usize, usize) {
        let (a, b) = (self.below(len + 1), self.below(len + 1));
        (a.min(b), a.max(b))
    }
}

fn bend(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], dice: &mut Dice) {
    for _ in 0..=dice.below(6) {
        let (start, end) = dice.range(bytes.len());
        match dice.below(9) {
            0 if !bytes.is_empty() => {
                let place = dice.below(bytes.len());
                bytes[place] ^= 1 << dice.below(8);
            }
            1 if !bytes.is_empty() => {
                let place = dice.below(bytes.len());
                bytes[place] = u8::try_from(dice.below(256)).unwrap();
            }
            2 => drop(bytes.drain(start..end)),
            3 => bytes.truncate(start),
            4 => {
                let part = bytes[start..end].to_vec();
                for _ in 0..=dice.below(64) {
                    bytes.splice(start..start, part.iter().copied());
                    if bytes.len() > MOST_BYTES {
                        break;
                    }
                }
            }
            5 | 6 => {
                let word = WORDS[dice.below(WORDS.len())];
                bytes.splice(start..start, word.bytes());
            }
            7 => {
                let word = WORDS[dice.below(WORDS.len())];
                bytes.splice(start..end, word.bytes());
            }
            _ => {
                let other = &seeds[dice.below(seeds.len())];
                let (from, to) = dice.range(other.len());
                bytes.splice(start..end, other[from..to].iter().copied());
            }
        }
        bytes.truncate(MOST_BYTES);
    }
}

fn fuzz(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(name);
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let seeds: Vec<Vec<u8>> = names.iter().map(|path| fs::read(path).unwrap()).collect();
    let seconds = std::env::var("PULSE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let length = Duration::from_secs(seconds.unwrap_or(SECONDS));
    let mut dice = Dice(RandomState::new().build_hasher().finish());
    // The seeds as they are come first, always.
    let mut pool = seeds.clone();
    let (begin, mut runs) = (Instant::now(), 0_usize);
    while runs < seeds.len() || begin.elapsed() < length {
        let mut bytes = pool[if runs < seeds.len() { runs } else { dice.below(pool.len()) }].clone();
        if runs >= seeds.len() {
            bend(&mut bytes, &seeds, &mut dice);
        }
        runs += 1;
        if let Err(cause) = catch_unwind(AssertUnwindSafe(|| target(&bytes))) {
            eprintln!("{name} fails after {runs} runs with {:?}", String::from_utf8_lossy(&bytes));
            eprintln!("the same in numbers: {bytes:?}");
            resume_unwind(cause);
        }
        // Some of what came of it is bent again later: deep changes take several steps.
        if dice.below(8) == 0 {
            if pool.len() < 256 {
                pool.push(bytes);
            } else {
                let place = seeds.len() + dice.below(pool.len() - seeds.len());
                pool[place] = bytes;
            }
        }
    }
    println!("{name}: {runs} runs in {} s", begin.elapsed().as_secs());
}

#[test]
fn no_bundle_breaks_what_reads_it_or_changes_anything_by_a_check() {
    fuzz("bundle", bundle::run);
}

#[test]
fn no_cookie_breaks_what_reads_it_or_is_a_session_that_was_made_up() {
    fuzz("cookie", cookie::run);
}

#[test]
fn no_id_token_breaks_what_reads_it_or_is_believed_unsigned() {
    fuzz("id_token", id_token::run);
}

#[test]
fn no_settings_break_what_reads_them_or_are_half_taken() {
    fuzz("settings", settings::run);
}

#[test]
fn no_credential_breaks_what_reads_it_or_grants_more_than_it_names() {
    fuzz("token", token::run);
}
