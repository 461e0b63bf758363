// Text into the clipboard. On plain HTTP from another machine the modern way is forbidden: then the old one.

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("readonly", "");
    area.className = "sr";
    const before = document.activeElement;
    document.body.append(area);
    area.select();
    // Deprecated, and the only way without TLS.
    const isCopied = document.execCommand("copy");
    area.remove();
    if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    return isCopied;
  }
}
