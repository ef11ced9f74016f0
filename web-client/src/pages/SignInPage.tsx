import { LockOutlined, UserOutlined } from "@ant-design/icons";
import { Alert, Button, Form, Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, ApiError, type Session } from "../api/client";
import { useTitle } from "../components/hooks";
import { LanguageButton } from "../components/LanguageButton";
import { useErrorText } from "../components/Trouble";

/** Account and password; afterwards the page that was asked for. */
export function SignInPage({ signedIn }: { signedIn: (session: Session) => void }) {
  const { t } = useTranslation();
  const errorText = useErrorText();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  useTitle(t("signIn.title"));
  const submit = async (values: { account: string; password: string }): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      signedIn(await api.signIn(values.account.trim(), values.password));
    } catch (refused) {
      setError(refused instanceof ApiError ? refused : new ApiError(0, "unreachable", ""));
      setBusy(false);
    }
  };
  return (
    <div className="sign-in">
      <section className="sign-in-board" aria-hidden="true">
        <img src="/icon.svg" alt="" width={72} height={72} />
        <p className="sign-in-name">{t("app.name")}</p>
        <p>{t("app.tagline")}</p>
      </section>
      <main className="sign-in-form">
        <div className="sign-in-language">
          <LanguageButton />
        </div>
        <h1>{t("signIn.title")}</h1>
        <Form layout="vertical" size="large" requiredMark={false} onFinish={submit} disabled={busy}>
          <Form.Item
            name="account"
            label={t("signIn.account")}
            rules={[{ required: true, message: t("signIn.needAccount") }]}
          >
            <Input prefix={<UserOutlined />} autoComplete="username" autoFocus />
          </Form.Item>
          <Form.Item
            name="password"
            label={t("signIn.password")}
            rules={[{ required: true, message: t("signIn.needPassword") }]}
          >
            <Input.Password prefix={<LockOutlined />} autoComplete="current-password" />
          </Form.Item>
          {error !== null && (
            <Alert
              className="sign-in-error"
              type="error"
              showIcon
              title={error.status === 401 ? t("signIn.wrong") : errorText(error.code)}
              description={<small>{t("error.code", { code: error.code })}</small>}
            />
          )}
          <Button type="primary" htmlType="submit" block loading={busy}>
            {t("signIn.submit")}
          </Button>
        </Form>
        <p className="quiet sign-in-foot">
          <a href="/classroom">{t("signIn.classroom")}</a>
          <br />
          <a href="/probe">{t("signIn.probe")}</a>
        </p>
      </main>
    </div>
  );
}
