// Styles first: the order of the layers is the order in which the browser meets them.
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/print.css";
import { render } from "solid-js/web";
import { loadTexts } from "./text";

// Words stand in constants of modules, too: they are loaded after the language.
await loadTexts();
const { App } = await import("./App");
const root = document.getElementById("root");
if (root !== null) render(() => <App />, root);
