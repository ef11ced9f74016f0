import { type Language, rememberedLanguage } from "../words/language";

const zh = {
  title: "同课 · 教室",
  language: "English",
  pairTitle: "输入配对码",
  pairHint: "六位数字由管理员提供（管理页面的“教室”）。只需输入一次。",
  pairing: "正在配对",
  pairWrong: "配对码不对或已用过。请核对，或请管理员换一个。",
  pairOffline: "连不上服务器，请检查网线或无线网络，正在自动重试。",
  pairBusy: "试的次数太多，请等一分钟再输入。",
  revoked: "这块屏幕的配对已被解除。要继续使用，请输入新的配对码。",
  clear: "清除",
  erase: "退格",
  digit: "配对码第 {n} 位",
  connecting: "正在连接服务器",
  offline: "连不上服务器，正在自动重试 · {time}",
  next: "下一节课",
  later: "之后",
  startsIn: "{time} 后开始",
  startsNow: "等待开课",
  noLessons: "近期没有安排课程",
  noLessonsHint: "排好课后会显示在这里，到时间自动进入。",
  today: "今天",
  tomorrow: "明天",
  days: ["周日", "周一", "周二", "周三", "周四", "周五", "周六"],
  network: "网络",
  camera: "摄像头",
  microphone: "麦克风",
  sound: "声音",
  good: "正常",
  off: "没有",
  bad: "有问题",
  denied: "未允许",
  soundTest: "试音",
  help: "需要帮助请找本校管理员",
  helpHint: "画面就是教室里的样子；没拍到学生请挪一挪摄像头",
  waitTeacher: "等待老师开始上课",
  waitPicture: "正在连接老师的画面",
  teacherAway: "老师的线路中断，请稍候 · {time}",
  teacherAbsent: "老师马上就到",
  soundOnly: "老师没有开摄像头，请听声音",
  lost: "线路中断，正在重新连接 · {time}",
  restoring: "画面中断，正在恢复 · {time}",
  noSound: "听不到老师的声音，正在恢复",
  pressOk: "按遥控器的 OK 键打开声音",
  onStage: "您在台上，全班都能看到、听到你们",
  onStageMuted: "您在台上，麦克风已静音",
  silenced: "老师已将你们静音",
  self: "我们",
  raiseHand: "举手",
  lowerHand: "放下手",
  mute: "静音",
  unmute: "取消静音",
  callHelp: "呼叫帮助",
  helpCalled: "已呼叫帮助",
  layout: "换布局",
  handUp: "已举手 第 {n} 位",
  muted: "已静音",
  endTitle: "下课了",
  endThanks: "谢谢老师，同学们再见",
  endNext: "下一节：{lesson}",
  seatTaken: "这间教室已在另一个窗口上课",
  seatTakenHint: "按 OK 键改在这里上课",
  takeOver: "在这里上课",
  message: "老师的消息",
  liveNow: "正在直播",
  notDone: "线路中断，没有送达，请再按一次",
  teacherName: "{name}老师",
};

const en: typeof zh = {
  title: "Tongke · classroom",
  language: "简体中文",
  pairTitle: "Enter the pairing code",
  pairHint: "The administrator has the six digits (page “Classrooms”). They are entered once.",
  pairing: "Pairing",
  pairWrong: "The code is wrong or was used. Check it, or ask the administrator for another.",
  pairOffline: "The server cannot be reached. Check the network; trying again by itself.",
  pairBusy: "Too many tries. Wait a minute, then enter the code.",
  revoked: "The pairing of this screen was revoked. Enter a new code to go on.",
  clear: "Clear",
  erase: "Erase",
  digit: "Digit {n} of the code",
  connecting: "Connecting to the server",
  offline: "The server cannot be reached, trying again · {time}",
  next: "Next lesson",
  later: "Then",
  startsIn: "in {time}",
  startsNow: "Waiting for the lesson",
  noLessons: "No lessons are planned",
  noLessonsHint: "They will stand here, and start by themselves.",
  today: "today",
  tomorrow: "tomorrow",
  days: ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"],
  network: "Network",
  camera: "Camera",
  microphone: "Microphone",
  sound: "Sound",
  good: "fine",
  off: "none",
  bad: "trouble",
  denied: "not allowed",
  soundTest: "Test sound",
  help: "For help ask your school's administrator",
  helpHint: "This is how your room looks; turn the camera if pupils are not in it",
  waitTeacher: "Waiting for the teacher to start",
  waitPicture: "Connecting to the teacher's picture",
  teacherAway: "The teacher's line is gone, one moment · {time}",
  teacherAbsent: "The teacher will be here soon",
  soundOnly: "The teacher's camera is off; listen",
  lost: "Line lost, reconnecting · {time}",
  restoring: "Picture lost, recovering · {time}",
  noSound: "No sound from the teacher, recovering",
  pressOk: "Press OK on the remote control to hear",
  onStage: "You are on stage: everybody sees and hears you",
  onStageMuted: "You are on stage, the microphone is muted",
  silenced: "The teacher muted you",
  self: "We",
  raiseHand: "Raise hand",
  lowerHand: "Lower hand",
  mute: "Mute",
  unmute: "Unmute",
  callHelp: "Call for help",
  helpCalled: "Help is called",
  layout: "Layout",
  handUp: "Hand is up, no. {n}",
  muted: "Muted",
  endTitle: "The lesson is over",
  endThanks: "Thank you, goodbye",
  endNext: "Next: {lesson}",
  seatTaken: "This classroom is in the lesson in another window",
  seatTakenHint: "Press OK to have the lesson here",
  takeOver: "Have the lesson here",
  message: "From the teacher",
  liveNow: "Live",
  notDone: "The line is gone and it did not arrive: press again",
  teacherName: "{name}",
};

const language: Language = rememberedLanguage();

/** The page's words in the remembered language. */
export const words = language === "zh" ? zh : en;

/** The other language, for the switch. */
export const otherLanguage: Language = language === "zh" ? "en" : "zh";

/** Puts values into a text. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

/** Time of day without seconds, in the machine's zone. */
export function timeOfDay(ms: number): string {
  const date = new Date(ms);
  return `${String(date.getHours()).padStart(2, "0")}:${String(date.getMinutes()).padStart(2, "0")}`;
}

/** The day of a lesson as people say it. */
export function dayWord(ms: number, now: number): string {
  const start = (time: number): number => new Date(time).setHours(0, 0, 0, 0);
  const days = Math.round((start(ms) - start(now)) / 86_400_000);
  if (days === 0) return words.today;
  if (days === 1) return words.tomorrow;
  return words.days[new Date(ms).getDay()] ?? "";
}
