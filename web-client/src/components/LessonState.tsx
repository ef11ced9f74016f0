import { Tag } from "antd";
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
  const colour = state === "open" ? "green" : "default";
  return <Tag color={colour}>{t(`state.${state}`)}</Tag>;
}
