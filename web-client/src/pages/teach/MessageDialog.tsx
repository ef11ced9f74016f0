import { App, Input, Modal } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Peer } from "../../generated/signal/Peer";
import type { Teach } from "./useTeach";

const LONGEST = 200;

interface MessageDialogProps {
  addressee: Peer | "all";
  carryOut: Teach["carryOut"];
  close: () => void;
}

/** A short text for the screen of one classroom, or of all. */
export function MessageDialog({ addressee, carryOut, close }: MessageDialogProps) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const [text, setText] = useState("");
  const send = async (): Promise<void> => {
    if (text.trim() === "") return;
    const to = addressee === "all" ? {} : { peer: addressee.id };
    if (await carryOut({ do: "message", text: text.trim(), ...to })) {
      message.success(t("live.sent"));
      close();
    }
  };
  return (
    <Modal
      open
      title={addressee === "all" ? t("live.messageAll") : t("live.messageTo", { name: addressee.name })}
      okText={t("live.send")}
      cancelText={t("live.cancel")}
      okButtonProps={{ disabled: text.trim() === "" }}
      onOk={() => void send()}
      onCancel={close}
    >
      <Input.TextArea
        autoFocus
        rows={3}
        maxLength={LONGEST}
        showCount
        aria-label={t("live.message")}
        placeholder={t("live.messageHint")}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onPressEnter={(event) => {
          if (event.shiftKey) return;
          event.preventDefault();
          void send();
        }}
      />
    </Modal>
  );
}
