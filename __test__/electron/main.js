"use strict";

// An application of Electron that tests the package: in the main process, in a utility process, and in a window whose page is loaded again
// while its sockets are open. `node scripts/platforms.mjs electron-25` runs it.

const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { BrowserWindow, app, ipcMain, utilityProcess } = require("electron");

const SMOKE = path.join(__dirname, "..", "smoke", "smoke.mjs");
const LOADS = 4;

/** @param {string} text */
function say(text) {
  process.stdout.write(`${text}\n`);
}

/** Ends the application as failed. @param {unknown} reason */
function fail(reason) {
  say(`FAILED: ${reason instanceof Error ? reason.stack : reason}`);
  app.exit(1);
}

process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);

async function inMainProcess() {
  await import(pathToFileURL(SMOKE).href);
}

async function inUtilityProcess() {
  const child = utilityProcess.fork(path.join(__dirname, "utility.js"), [], { stdio: "inherit" });
  const code = await new Promise((resolve) => {
    child.once("exit", resolve);
  });
  if (code !== 0) throw new Error(`the utility process ended with ${code}`);
}

/** Loads the page several times; each load leaves sockets open that are in use. */
async function inWindow() {
  const window = new BrowserWindow({ show: false, webPreferences: { nodeIntegration: true, contextIsolation: false, sandbox: false } });
  window.webContents.on("render-process-gone", (event, { reason }) => fail(`the window's process is gone: ${reason}`));
  window.webContents.on("console-message", (event, level, message) => say(`window: ${message}`));
  const processes = new Set();
  for (let load = 0; load < LOADS; load += 1) {
    const done = new Promise((resolve) => {
      ipcMain.once("done", (event, error) => resolve(error));
    });
    await window.loadFile(path.join(__dirname, "page.html"));
    const error = await done;
    if (error) throw new Error(`the page: ${error}`);
    processes.add(window.webContents.getOSProcessId());
  }
  say(`window: ${LOADS} loads in ${processes.size} process${processes.size === 1 ? "" : "es"}`);
  window.destroy();
}

app.disableHardwareAcceleration();
// Without a listener, the application would quit when the window is gone.
app.on("window-all-closed", () => {});
app.whenReady().then(async () => {
  say(`Electron ${process.versions.electron}, Node ${process.versions.node}`);
  await inMainProcess();
  await inUtilityProcess();
  await inWindow();
  app.quit();
}).catch(fail);
