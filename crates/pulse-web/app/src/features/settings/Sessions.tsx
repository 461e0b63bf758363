// Who is logged in, from where and since when; another session can be ended.

import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import { endSession, type LoginSession, loginSessions } from "../../api/calls";
import { reasonOf } from "../../state/failure";
import { moment, parseTime, shortMoment } from "../../state/format";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Badge, Button, Confirm, Note } from "../../ui/controls";
import styles from "./Settings.module.css";
import { browserName } from "./sessionModel";

export function Sessions(): JSX.Element {
  const [answer, { refetch }] = createResource(loginSessions);
  const [asked, setAsked] = createSignal<LoginSession>();
  const [problem, setProblem] = createSignal<string>();
  const when = (text: string): JSX.Element => {
    const at = parseTime(text);
    return at === undefined ? "" : <span title={moment(at)}>{shortMoment(at)}</span>;
  };
  const end = async (session: LoginSession): Promise<void> => {
    setAsked(undefined);
    setProblem(undefined);
    try {
      await endSession(session.id);
    } catch (cause) {
      setProblem(reasonOf(cause));
    }
    void refetch();
  };
  return (
    <section class={styles.form} aria-label={t("Sessions")}>
      <h2>{t("Sessions")}</h2>
      <Show when={answer.error ?? problem()}>
        {(cause) => (
          <Note health="crit">
            {t("The sessions could not be read or ended: {reason}", {
              reason: reasonOf(cause()),
            })}
          </Note>
        )}
      </Show>
      <Show when={settled(answer)}>
        {(sessions) => (
          <table class={styles.list} aria-label={t("Sessions")}>
            <thead>
              <tr>
                <th scope="col">{t("User")}</th>
                <th scope="col">{t("From")}</th>
                <th scope="col">{t("Since")}</th>
                <th scope="col">{t("Until")}</th>
                <th scope="col">
                  <span class="sr">{t("End")}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              <For each={sessions()}>
                {(session) => (
                  <tr>
                    <td>
                      <span class="row">
                        {session.username}
                        <Show when={session.method === "oidc"}>
                          <Badge>{t("by the provider")}</Badge>
                        </Show>
                      </span>
                      <div class={styles.small} title={session.userAgent ?? undefined}>
                        {browserName(session.userAgent ?? "")}
                      </div>
                    </td>
                    <td class="mono">{session.ip}</td>
                    <td>
                      <span class={styles.onPhone}>{t("Since")}: </span>
                      {when(session.createdAt)}
                    </td>
                    <td>
                      <span class={styles.onPhone}>{t("Until")}: </span>
                      {when(session.expiresAt)}
                    </td>
                    <td class="number">
                      <Show when={!session.isCurrent} fallback={<Badge health="ok">{t("this one")}</Badge>}>
                        <Button
                          isSmall
                          label={t("End the session of {name}", { name: session.username })}
                          onClick={() => setAsked(session)}
                        >
                          {t("End")}
                        </Button>
                      </Show>
                    </td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        )}
      </Show>
      <Show when={asked()}>
        {(session) => (
          <Confirm
            title={t("End this session?")}
            action={t("End it")}
            onCancel={() => setAsked(undefined)}
            onConfirm={() => end(session())}
          >
            {t("{name} is logged out there at once, and open pages go to the login.", {
              name: session().username,
            })}
          </Confirm>
        )}
      </Show>
    </section>
  );
}
