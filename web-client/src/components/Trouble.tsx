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

/** An error that fills the page. */
export function Trouble({ error, retry }: { error: ApiError; retry: () => void }) {
  const { t } = useTranslation();
  const text = useErrorText();
  return (
    <Result
      status={error.status === 404 || error.status === 403 ? "info" : "warning"}
      title={<h2 className="trouble-title">{t("error.title")}</h2>}
      subTitle={
        <>
          {text(error.code)}
          <br />
          <small>{t("error.code", { code: error.code })}</small>
        </>
      }
      extra={
        <Button type="primary" onClick={retry}>
          {t("error.retry")}
        </Button>
      }
    />
  );
}

/** A skeleton, once the wait is worth one. */
export function Waiting({ rows = 6 }: { rows?: number }) {
  const late = useLate(true);
  return late ? <Skeleton active paragraph={{ rows }} /> : null;
}
