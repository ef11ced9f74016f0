import { useTranslation } from "react-i18next";
import type { Lesson } from "../api/client";

/** A lesson's state as a word with a colour. */
export function LessonState({ state }: { state: Lesson["state"] }) {
  const { t } = useTranslation();
  if (state === "live")
    return (
      <span className="live-tag">
        <i aria-hidden="true" className="live-dot" />
        {t("state.live")}
      </span>
    );
  return (
    <span className="state-tag" data-state={state}>
      {t(`state.${state}`)}
    </span>
  );
}
