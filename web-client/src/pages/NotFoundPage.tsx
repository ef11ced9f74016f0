import { CompassOutlined } from "@ant-design/icons";
import { Button, Result } from "antd";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useTitle } from "../components/hooks";

export default function NotFoundPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  useTitle(t("error.notFound"));
  return (
    <Result
      icon={<CompassOutlined />}
      title={<h1 className="trouble-title">{t("error.notFound")}</h1>}
      subTitle={t("error.notFoundHint")}
      extra={
        <Button type="primary" onClick={() => void navigate("/")}>
          {t("error.home")}
        </Button>
      }
    />
  );
}
