import { Button, Result, Skeleton } from "antd";
import { useTranslation } from "react-i18next";
import type { ApiError } from "../api/client";
import { zh } from "../words/zh";
import { useLate } from "./hooks";

type ErrorKey = keyof typeof zh.error;

/** The page's text for a code: what happened, what it means, what to do. */
export function useErrorText(): (code: string) => string {
  const { t } = useTranslation();
  return (code) => t(`error.${(code in zh.error ? code : "refused") as ErrorKey}`);
}

/** An error in place of what was to be shown; `whole` when that was the whole page, its heading too. */
export function Trouble({ error, retry, whole = false }: { error: ApiError; retry: () => void; whole?: boolean }) {
  const { t } = useTranslation();
  const text = useErrorText();
  const Heading = whole ? "h1" : "h2";
  // Trying again helps only where something failed.
  const refused = error.status === 404 || error.status === 403;
  const title = t(
    error.status === 404 ? "error.titleMissing" : error.status === 403 ? "error.titleForbidden" : "error.title",
  );
  return (
    <Result
      status={refused ? "info" : "warning"}
      title={<Heading className="trouble-title">{title}</Heading>}
      subTitle={
        <>
          {text(error.code)}
          <br />
          <small>{t("error.code", { code: error.code })}</small>
        </>
      }
      extra={
        refused ? (
          <Button type="primary" href="/">
            {t("error.home")}
          </Button>
        ) : (
          <Button type="primary" onClick={retry}>
            {t("error.retry")}
          </Button>
        )
      }
    />
  );
}

/** A skeleton, once the wait is worth one. */
export function Waiting({ rows = 6 }: { rows?: number }) {
  const late = useLate(true);
  return late ? <Skeleton active paragraph={{ rows }} /> : null;
}
