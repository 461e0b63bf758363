// Styles first: the order of the layers is the order in which the browser meets them.
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import { render } from "solid-js/web";
import { App } from "./App";

const root = document.getElementById("root");
if (root !== null) render(() => <App />, root);
