// Does in VS Code what a person does, and writes down what was seen.
// node drive.mjs SCENE PARTS ADDRESS FOLDER SCREENSHOTS CHROMIUM SEEN [verify]
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [scene, parts, address, folder, screenshots, chromium, seenPath, verify] = process.argv.slice(2);
const { chromium: browser } = createRequire(join(parts, "package.json"))("playwright-core");
const seen = {};
const chrome = await browser.launch({ executablePath: chromium, args: ["--no-sandbox"] });
const page = await chrome.newPage({ viewport: { width: 1000, height: 560 } });
page.setDefaultTimeout(90_000);

const shot = (name) => page.screenshot({ path: join(screenshots, `${name}.png`) });
const plain = (text) => text.replace(/\u00a0/g, " ");
const pause = (ms) => page.waitForTimeout(ms);

async function command(name) {
  await page.keyboard.press("F1");
  await page.locator(".quick-input-widget input").waitFor();
  await page.keyboard.type(name);
  await page.locator(".quick-input-list .monaco-list-row").first().waitFor();
  await pause(400);
  await page.keyboard.press("Enter");
}

async function goTo(place) {
  await page.keyboard.press("Control+g");
  await page.locator(".quick-input-widget input").waitFor();
  await page.keyboard.type(place);
  await page.keyboard.press("Enter");
  await pause(400);
}

async function open(name) {
  await page.keyboard.press("Control+p");
  await page.locator(".quick-input-widget input").waitFor();
  await page.keyboard.type(name);
  await page.locator(".quick-input-list .monaco-list-row").first().waitFor();
  await pause(500);
  await page.keyboard.press("Enter");
  await page.locator(".view-lines").first().waitFor();
}

async function lightBulb() {
  await page.keyboard.press("Control+.");
  const menu = page.locator(".action-widget").first();
  await menu.waitFor();
  await pause(500);
  return (await menu.innerText()).split("\n").map((line) => line.trim());
}

async function save(name) {
  await page.keyboard.press("Control+s");
  const saved = () => readFileSync(join(folder, name), "utf8").includes("log_softmax");
  for (let i = 0; i < 100 && !saved(); i++) {
    await pause(100);
  }
}

async function aFile() {
  await open("losses.py");

  await page.locator(".squiggly-warning").first().waitFor({ state: "attached" });
  seen.squiggles = await page.locator(".squiggly-warning").count();
  const status = page.locator(".statusbar-item", { hasText: "lossfix" }).first();
  await status.filter({ hasText: "lossfix: 1" }).waitFor();
  seen.status = plain(await status.innerText()).trim();
  await pause(500);
  await shot("squiggle");

  await goTo("7:45");
  await command("Show or Focus Hover");
  const hover = page.locator(".monaco-hover:visible", { hasText: "LF102 cross-entropy" }).first();
  await hover.waitFor();
  seen.hover = (await hover.innerText()).slice(0, 2000);
  await pause(300);
  await shot("hover");
  await page.keyboard.press("Escape");

  seen.menu = await lightBulb();
  await shot("light-bulb");
  await page.keyboard.press("Escape");

  if (verify === "verify") {
    const lens = page.locator(".codelens-decoration a");
    await lens.filter({ hasText: "Verify 1 fix" }).first().click();
    await lens.filter({ hasText: "verified" }).first().waitFor({ timeout: 240_000 });
    seen.lens = await lens.first().innerText();
    await pause(500);
    await shot("verified");
    await page.locator(".view-lines").first().click();
    await goTo("7:45");
    seen.menuAfter = await lightBulb();
    await page.keyboard.press("Escape");
  }

  await command("lossfix: Preview the rewrite");
  await page.locator(".monaco-diff-editor").first().waitFor();
  await pause(1200);
  seen.diff = plain(await page.locator(".monaco-diff-editor").first().innerText());
  await shot("diff");

  await open("losses.py");
  await page.locator(".monaco-diff-editor").first().waitFor({ state: "hidden" });
  await goTo("7:45");
  await command("lossfix: Explain the finding");
  const explained = page.locator(".view-lines", { hasText: "# LF102" }).first();
  await explained.waitFor();
  seen.explained = plain(await explained.innerText());
  await open("losses.py");
  await goTo("7:45");

  if (verify === "verify") {
    await command("lossfix: Why is there no gradient");
    const why = page.locator(".view-lines", { hasText: "the gradient is NaN from" }).first();
    await why.waitFor({ timeout: 240_000 });
    seen.why = plain(await why.innerText());
    await shot("why");
    await command("View: Close All Editors in Group");
    await open("losses.py");
    await goTo("7:45");
    await command("lossfix: Open the HTML report");
    const report = page.frameLocator("iframe.webview").frameLocator("iframe").locator("body");
    await report.locator("svg").first().waitFor({ timeout: 240_000 });
    seen.report = plain(await report.innerText());
    await pause(500);
    await shot("report");
    await open("losses.py");
    await goTo("7:45");
  }

  await lightBulb();
  await page.keyboard.press("Enter");
  await page.locator(".view-line", { hasText: "log_softmax" }).first().waitFor();
  await save("losses.py");
  await page.locator(".squiggly-warning").first().waitFor({ state: "detached" });
  seen.left = await page.locator(".squiggly-warning").count();
}

async function aNotebook() {
  await open("losses.ipynb");
  const cell = page.locator(".notebook-editor .monaco-editor", { hasText: "distillation" }).first();
  const squiggle = cell.locator(".squiggly-warning").first();
  await squiggle.waitFor({ state: "attached" });
  await pause(1000);
  await shot("notebook");
  await cell.locator(".view-line", { hasText: "reduce_mean" }).first().click();
  seen.menu = await lightBulb();
  await shot("notebook-light-bulb");
  await page.keyboard.press("Enter");
  await cell.locator(".view-line", { hasText: "log_softmax" }).first().waitFor();
  await save("losses.ipynb");
  await squiggle.waitFor({ state: "detached" });
  seen.left = await page.locator(".notebook-editor .squiggly-warning").count();
}

try {
  await page.goto(`${address}/?folder=${encodeURIComponent(folder)}`);
  await page.locator(".monaco-workbench").waitFor();
  await { file: aFile, notebook: aNotebook }[scene]();
} catch (error) {
  seen.failed = String(error);
  await shot("failed").catch(() => {});
}
writeFileSync(seenPath, JSON.stringify(seen, null, 2));
await chrome.close();
