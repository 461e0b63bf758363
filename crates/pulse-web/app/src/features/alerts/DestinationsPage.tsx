// Where notifications go, each with a test; and what became of those that were sent.

import type { JSX } from "solid-js";
import { t } from "../../text";
import { AppriseForm } from "./destinations/AppriseForm";
import { Deliveries } from "./destinations/Deliveries";
import { EmailForm } from "./destinations/EmailForm";
import { Webhooks } from "./destinations/Webhooks";

export default function DestinationsPage(): JSX.Element {
  return (
    <>
      <h1 class="sr">{t("Destinations")}</h1>
      <EmailForm />
      <Webhooks />
      <AppriseForm />
      <Deliveries />
    </>
  );
}
