// Saving what is seen: a picture of the round that is shown, or a film of the rounds to come.

import { colors } from "./canvas.js";
import { element, find, whole } from "./elements.js";

const TYPES = [
  "video/mp4;codecs=avc1",
  "video/webm;codecs=vp9",
  "video/webm;codecs=vp8",
  "video/webm",
];
const CAPTION = 34; // CSS pixels below the picture

/** What it was: it stands below the picture, and in the file's name. */
function caption({ game, settings, round }) {
  return [
    settings.data ?? game,
    settings.objective,
    `seed ${settings.seed ?? 0}`,
    `round ${whole(round)}`,
  ].filter(Boolean);
}

function fileName(frame, ending) {
  const words = [
    "minigan",
    frame.settings.data ?? frame.game,
    `seed${frame.settings.seed ?? 0}`,
    `round${frame.round}`,
  ];
  return `${words.join("-").replace(/[^\w.-]+/g, "_")}.${ending}`;
}

/** The stage with its caption, on a canvas that the film reads as well. */
function compose(target, stage, frame) {
  const ratio = stage.width / stage.clientWidth;
  const [width, height] = [stage.width, stage.height + Math.round(CAPTION * ratio)];
  if (target.width !== width || target.height !== height) Object.assign(target, { width, height });
  const context = target.getContext("2d");
  context.fillStyle = colors.paper;
  context.fillRect(0, 0, width, height);
  context.drawImage(stage, 0, 0);
  context.font = `${14 * ratio}px Georgia, "Liberation Serif", serif`;
  context.textBaseline = "middle";
  context.textAlign = "center";
  context.fillStyle = colors.soft;
  context.fillText(
    `minigan · ${caption(frame).join(" · ")}`,
    width / 2,
    stage.height + (CAPTION * ratio) / 2,
  );
}

function save(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function savePicture(stage, frame) {
  const target = element("canvas");
  compose(target, stage, frame);
  return new Promise((done) =>
    target.toBlob((blob) => {
      save(blob, fileName(frame, "png"));
      done();
    }, "image/png"),
  );
}

/** A button that begins a film and ends it; hidden where the browser cannot record. */
export class Film {
  constructor(stage) {
    this.stage = stage;
    this.target = element("canvas");
    this.button = find("film");
    this.type =
      globalThis.MediaRecorder &&
      this.target.captureStream &&
      TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    this.button.hidden = !this.type;
    this.button.addEventListener("click", () =>
      this.recorder ? this.recorder.stop() : this.begin(),
    );
  }

  /** Another frame was drawn; while a film is made, it goes into it. */
  show(frame) {
    this.frame = frame;
    if (this.recorder) requestAnimationFrame(() => compose(this.target, this.stage, this.frame));
  }

  begin() {
    if (!this.frame) return;
    compose(this.target, this.stage, this.frame);
    const pieces = [];
    this.recorder = new MediaRecorder(this.target.captureStream(30), {
      mimeType: this.type,
      videoBitsPerSecond: 8e6,
    });
    this.recorder.addEventListener("dataavailable", ({ data }) => pieces.push(data));
    this.recorder.addEventListener("stop", () => {
      this.recorder = null;
      this.label();
      save(
        new Blob(pieces, { type: this.type.split(";")[0] }),
        fileName(this.frame, this.type.includes("mp4") ? "mp4" : "webm"),
      );
    });
    this.recorder.start(1000);
    this.label();
  }

  label() {
    const recording = Boolean(this.recorder);
    this.button.setAttribute("aria-pressed", String(recording));
    this.button.textContent = recording ? "End film" : "Save film";
  }
}
