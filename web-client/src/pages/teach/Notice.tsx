import { Button, Result } from "antd";
import { useTranslation } from "react-i18next";

/** Shown instead of the room where nothing can be shown. */
export function Notice({
  title,
  text,
  code,
  good = false,
  actions,
}: {
  title: string;
  text: string;
  code?: string;
  /** All is as it should be. */
  good?: boolean;
  actions: { name: string; act: () => void }[];
}) {
  const { t } = useTranslation();
  return (
    <main className="notice" data-scheme="dark">
      <Result
        status={good ? "success" : "info"}
        title={<h1 className="trouble-title">{title}</h1>}
        subTitle={
          <>
            {text}
            {code !== undefined && (
              <>
                <br />
                <small>{t("error.code", { code })}</small>
              </>
            )}
          </>
        }
        extra={actions.map((action, index) => (
          <Button key={action.name} type={index === 0 ? "primary" : "default"} onClick={action.act}>
            {action.name}
          </Button>
        ))}
      />
    </main>
  );
}
