import { Button, Result } from "antd";
import { Component, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

function Crashed() {
  const { t } = useTranslation();
  return (
    <Result
      status="error"
      title={<h1 className="trouble-title">{t("error.title")}</h1>}
      subTitle={t("error.crash")}
      extra={
        <Button type="primary" onClick={() => window.location.reload()}>
          {t("error.reload")}
        </Button>
      }
    />
  );
}

/** A page that failed says so instead of going white. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? <Crashed /> : this.props.children;
  }
}
