import { GlobalOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { setLanguage } from "../words";

/** Switches to the other language; named in that language. */
export function LanguageButton({ ghost = false }: { ghost?: boolean }) {
  const { t, i18n } = useTranslation();
  const other = i18n.language === "zh" ? "en" : "zh";
  return (
    <Button
      type="text"
      icon={<GlobalOutlined />}
      className={ghost ? "on-primary" : ""}
      onClick={() => setLanguage(other)}
      lang={other === "zh" ? "zh-CN" : "en"}
    >
      {t("app.language")}
    </Button>
  );
}
