// Scanning with the phone's camera, where the browser can read QR codes by itself; everywhere else the button does not show.
const form = document.querySelector("[data-scan-form]");
const button = form?.querySelector("[data-scan]");

async function canScan() {
  if (!("BarcodeDetector" in window) || !navigator.mediaDevices) return false;
  return (await BarcodeDetector.getSupportedFormats()).includes("qr_code");
}

async function scan() {
  const viewer = form.querySelector("[data-scan-viewer]");
  const video = viewer.querySelector("video");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    form.querySelector("[data-scan-refused]").hidden = false;
    return;
  }
  button.hidden = true;
  viewer.hidden = false;
  video.srcObject = stream;
  await video.play();
  const stop = () => stream.getTracks().forEach((track) => track.stop());
  addEventListener("pagehide", stop, { once: true });
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  for (;;) {
    const [found] = await detector.detect(video).catch(() => []);
    if (found?.rawValue) {
      stop();
      form.elements.code.value = found.rawValue.trim().slice(0, 40);
      form.requestSubmit();
      return;
    }
    await new Promise((resume) => setTimeout(resume, 150));
  }
}

if (button && (await canScan().catch(() => false))) {
  button.hidden = false;
  button.addEventListener("click", scan);
}
