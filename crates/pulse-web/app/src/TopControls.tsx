// Theme and user, at the right end of the top line.

import type { JSX } from "solid-js";
import { logout, session } from "./api/session";
import { type Choice, choice, chooseTheme } from "./state/theme";
import { t } from "./text";
import { IconButton } from "./ui/controls";
import type { IconName } from "./ui/Icon";

const NEXT: Readonly<Record<Choice, { to: Choice; icon: IconName; label: string }>> = {
  auto: { to: "light", icon: "auto", label: t("Theme: as the system. Switch to light") },
  light: { to: "dark", icon: "sun", label: t("Theme: light. Switch to dark") },
  dark: { to: "auto", icon: "moon", label: t("Theme: dark. Switch to the system's") },
};

export function ThemeSwitch(): JSX.Element {
  const now = () => NEXT[choice()];
  return <IconButton icon={now().icon} label={now().label} onClick={() => chooseTheme(now().to)} />;
}

export function UserMenu(): JSX.Element {
  const user = (): string => {
    const now = session();
    return now.kind === "in" ? now.user : "";
  };
  return (
    <IconButton icon="leave" label={t("Log out {user}", { user: user() })} onClick={() => void logout()} />
  );
}
