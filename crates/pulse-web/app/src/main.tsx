// Styles first: the order of the layers is the order in which the browser meets them.
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/print.css";
import { render } from "solid-js/web";
import { openEarly } from "./api/line";
import { liveUrl, mayBeLoggedIn } from "./api/liveUrl";
import { loadTexts } from "./text";

// The state of a large estate takes longest of all: it is asked for first.
if (mayBeLoggedIn()) openEarly(liveUrl());
// Words stand in constants of modules, too: they are loaded after the language.
await loadTexts();
const { App } = await import("./App");
const root = document.getElementById("root");
if (root !== null) render(() => <App />, root);
