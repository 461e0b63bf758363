// Runs before the first paint, so that a person who chose the other theme sees no flash of this one.
try {
  const theme = localStorage.getItem("pulse.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage can be forbidden; the system's preference then decides.
}
