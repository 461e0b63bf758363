// Every part of the design system in each of its states. Only in development (`npm run dev`, /gallery).

import { createSignal, For, type JSX, Show } from "solid-js";
import { Licence } from "../features/parts/Licence";
import { bytes } from "../state/format";
import { useView } from "../state/view";
import { Chart } from "../ui/Chart";
import {
  Badge,
  Button,
  Check,
  Choice,
  Confirm,
  Empty,
  Fact,
  Facts,
  Field,
  IconButton,
  Note,
  Panel,
  Secret,
  Segmented,
} from "../ui/controls";
import { Drawer, DrawerSection } from "../ui/Drawer";
import { Icon } from "../ui/Icon";
import { type Health, Mark } from "../ui/Mark";
import { Meter } from "../ui/Meter";
import { Popover } from "../ui/Popover";
import { Sparkline } from "../ui/Sparkline";
import { SubTabs } from "../ui/SubTabs";
import { Tags } from "../ui/Tags";
import { type Column, Table } from "../ui/table/Table";
import { toast } from "../ui/toast";
import { Dash, Value } from "../ui/Value";
import { Waiting } from "../ui/Waiting";
import styles from "./Gallery.module.css";

const HEALTHS: readonly Health[] = ["ok", "warn", "crit", "idle"];
const LIMITS = { warn: 80, crit: 90 };
const TOKENS = [
  "bg",
  "surface",
  "raised",
  "sunken",
  "line",
  "line-strong",
  "text",
  "text-soft",
  "text-faint",
  "accent",
  "accent-fill",
  "ok",
  "warn",
  "crit",
  "series-1",
  "series-2",
  "series-3",
  "series-4",
];
const NOW = Date.now();
const WAVE = Array.from({ length: 120 }, (_none, index) => ({
  timestamp: NOW - (120 - index) * 30_000,
  value: 50 + 30 * Math.sin(index / 9),
  min: 40 + 30 * Math.sin(index / 9),
  max: 62 + 30 * Math.sin(index / 9),
})).filter((_point, index) => index < 50 || index > 64);

interface Row {
  id: string;
  name: string;
  share: number;
}

const ROWS = new Map(
  Array.from({ length: 200 }, (_none, index): [string, Row] => [
    String(index),
    {
      id: String(index),
      name: index === 3 ? `<b>name</b> ${"long ".repeat(40)}` : `row-${index}`,
      share: (index * 37) % 101,
    },
  ]),
);

function Part(props: { title: string; children: JSX.Element }): JSX.Element {
  return (
    <section class={styles.part} aria-label={props.title}>
      <h2>{props.title}</h2>
      {props.children}
    </section>
  );
}

export default function Gallery(): JSX.Element {
  const view = useView("gallery", []);
  const [text, setText] = createSignal("typed");
  const [isOn, setOn] = createSignal(true);
  const [one, setOne] = createSignal<"a" | "b" | "c">("a");
  const [open, setOpen] = createSignal<"drawer" | "dialog">();
  const columns: Column<Row>[] = [
    { id: "name", title: "Name", sort: "ascending", value: (row) => row.name, isFixed: true, cell: () => "" },
    {
      id: "share",
      title: "Share",
      sort: "descending",
      value: (row) => row.share,
      cell: (row) => <Meter value={row().share} limits={LIMITS} />,
    },
  ];
  return (
    <div class="page">
      <h1>Gallery</h1>
      <Part title="Colours">
        <div class={styles.swatches}>
          <For each={TOKENS}>
            {(token) => (
              <div class={styles.swatch}>
                <span class={styles.colour} style={{ background: `var(--${token})` }} />
                {token}
              </div>
            )}
          </For>
        </div>
      </Part>
      <Part title="Health">
        <div class="row">
          <For each={HEALTHS}>
            {(health) => (
              <>
                <Mark health={health} label={health} />
                <Badge health={health}>{health}</Badge>
              </>
            )}
          </For>
          <Badge>plain</Badge>
          <Dash why="nobody measured it" />
        </div>
      </Part>
      <Part title="Meters and lines">
        <div class={styles.meters}>
          <For each={[0, 12, 79, 85, 97]}>
            {(value) => <Meter value={value} limits={LIMITS} detail="3.4 / 8 GB" />}
          </For>
          <Meter
            value={60}
            limits={LIMITS}
            marks={{ at: [80], below: 30 }}
            detail="with a mark, and a line below"
          />
          <Meter value={60} limits={LIMITS} marks={{ cuts: [20, 45] }} detail="made of three" />
          <Meter value={undefined} limits={LIMITS} why="the source does not say" />
          <For each={["fine", "warn", "crit"]}>
            {(level) => <Sparkline points={WAVE} top={100} level={level} />}
          </For>
        </div>
        <Chart
          title="One series with a band, a gap and a mark"
          text={(value) => `${Math.round(value)} %`}
          top={100}
          from={NOW - 3_600_000}
          to={NOW}
          marks={[{ at: NOW - 1_200_000, health: "crit", text: "raised" }]}
          lines={[{ title: "share", points: WAVE }]}
        />
        <Chart
          title="Two series of bytes"
          text={bytes}
          isBytes
          from={NOW - 3_600_000}
          to={NOW}
          lines={["in", "out"].map((title, index) => ({
            title,
            points: WAVE.map((point) => ({
              timestamp: point.timestamp,
              value: point.value * 40_000 * (index + 1),
            })),
          }))}
        />
        <Chart
          title="Without data"
          text={String}
          from={NOW - 3_600_000}
          to={NOW}
          lines={[{ title: "none", points: [] }]}
        />
      </Part>
      <Part title="Buttons">
        <div class="row">
          <Button onClick={() => toast("It was done")}>Plain</Button>
          <Button kind="primary" onClick={() => toast("It was done")}>
            Primary
          </Button>
          <Button kind="danger" onClick={() => toast("It could not be done", "crit")}>
            Danger
          </Button>
          <Button isDisabled>Disabled</Button>
          <Button isSmall icon="plus">
            Small
          </Button>
          <IconButton icon="search" label="Icon" onClick={() => undefined} />
          <IconButton icon="check" label="Pressed" isPressed onClick={() => undefined} />
          <Popover icon="columns" label="Popover">
            <Check label="A choice" isOn={isOn()} onChange={setOn} />
          </Popover>
          <Segmented
            label="One of three"
            options={[
              { id: "a", title: "First" },
              { id: "b", title: "Second" },
              { id: "c", title: "Third" },
            ]}
            value={one()}
            onChange={setOne}
          />
          <Tags tags={["prod", "web", "a long label"]} />
        </div>
      </Part>
      <Part title="Fields">
        <div class={styles.fields}>
          <Field label="Text" value={text()} onInput={setText} hint="What it is for." />
          <Field label="With an error" value={text()} onInput={setText} error="What is wrong with it" />
          <Field label="Disabled" value={text()} onInput={setText} isDisabled />
          <Field label="Long" isLong value={text()} onInput={setText} />
          <Choice
            label="Choice"
            value={one()}
            options={[
              { id: "a", title: "First" },
              { id: "b", title: "Second" },
            ]}
            onChange={(id) => setOne(id as "a")}
          />
          <Choice
            label="Disabled, with a hint"
            value="a"
            options={[{ id: "a", title: "First" }]}
            hint="Why it cannot be changed."
            isDisabled
            onChange={() => undefined}
          />
          <Check label="Check" isOn={isOn()} onChange={setOn} />
          <Check label="Disabled" isOn isDisabled onChange={() => undefined} />
        </div>
        <Secret label="Secret" value="4be1c0f3b7a94f0e" />
      </Part>
      <Part title="Notes">
        <For each={HEALTHS}>{(health) => <Note health={health}>A note about what was done.</Note>}</For>
      </Part>
      <Part title="Facts, empty, waiting">
        <Facts>
          <Fact name="Name">Value</Fact>
          <Fact name="Unknown">
            <Dash why="the source does not say" />
          </Fact>
        </Facts>
        <Panel>
          <Empty title="Nothing here">
            <p>What to do so that there is something.</p>
          </Empty>
        </Panel>
        <Waiting what="the data" />
        <Panel>
          <Licence gap={{ feature: "feature", title: "A feature", most: "7d" }}>
            <p>What works all the same.</p>
          </Licence>
        </Panel>
        <p>
          <Value value={3} text={(value) => `${value} of something`} />,{" "}
          <Value value={undefined} text={String} why="the source does not say" />
        </p>
      </Part>
      <Part title="Second line of tabs">
        <SubTabs
          label="Tabs"
          tabs={[
            { href: "/gallery", title: "Current", count: 3 },
            { href: "/gallery/other", title: "Another" },
          ]}
        />
      </Part>
      <Part title="Icons">
        <div class="row">
          <For
            each={
              [
                "search",
                "close",
                "sun",
                "moon",
                "alerts",
                "kubernetes",
                "docker",
                "hosts",
                "columns",
              ] as const
            }
          >
            {(name) => <Icon name={name} />}
          </For>
        </div>
      </Part>
      <Part title="Drawer and dialog">
        <div class="row">
          <Button onClick={() => setOpen("drawer")}>Open the drawer</Button>
          <Button onClick={() => setOpen("dialog")}>Open the dialog</Button>
        </div>
        <Show when={open() === "drawer"}>
          <Drawer title="Drawer" subtitle="what it is" onClose={() => setOpen(undefined)}>
            <DrawerSection title="Section">Text</DrawerSection>
          </Drawer>
        </Show>
        <Show when={open() === "dialog"}>
          <Confirm
            title="Do it?"
            action="Do it"
            onCancel={() => setOpen(undefined)}
            onConfirm={async () => {
              throw new Error("what went wrong, in words");
            }}
          >
            <p>What will happen.</p>
          </Confirm>
        </Show>
      </Part>
      <Table<Row>
        id="gallery"
        label="Table"
        view={view}
        rows={ROWS}
        key={(row) => row.id}
        columns={columns}
        phone={columns}
        name={(row) => row.name}
        fields={{ text: (row) => row.name, fields: { share: (row) => row.share } }}
        groups={[
          {
            id: "tens",
            title: "By tens",
            of: (row) => ({ key: String(row.share % 10), title: `${row.share % 10}` }),
          },
        ]}
        isFlatAtFirst
        sort={{ column: "name", descending: false }}
        acts={(keys) => <Button isSmall>{`Act on ${keys.length}`}</Button>}
        tone={(row) => (row.share > 90 ? "crit" : row.share < 10 ? "dim" : undefined)}
      />
      <Table<Row>
        id="gallery-empty"
        label="Empty table"
        view={view}
        rows={new Map()}
        key={(row) => row.id}
        columns={columns}
        phone={columns}
        name={(row) => row.name}
        empty={
          <Empty title="No rows">
            <p>Where rows come from.</p>
          </Empty>
        }
      />
    </div>
  );
}
