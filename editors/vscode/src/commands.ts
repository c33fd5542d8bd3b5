// The commands of the palette, each one question to the server.
import * as vscode from "vscode";
import { ExecuteCommandRequest } from "vscode-languageclient/node";
import type { LanguageClient } from "vscode-languageclient/node";
import type { StatusItem } from "./status";

interface Loss {
  name: string;
  line: number;
}
interface Answer {
  error?: string;
  outcome?: string;
  text?: string;
  line?: number;
  before?: string;
  after?: string;
  path?: string;
}

const SCHEME = "lossfix-preview";

export function registerCommands(
  context: vscode.ExtensionContext,
  client: () => LanguageClient | undefined,
  status: StatusItem,
): void {
  const previews = new Previews();
  context.subscriptions.push(
    vscode.workspace.registerTextDocumentContentProvider(SCHEME, previews),
  );
  const ask = async <T>(command: string, ...args: unknown[]): Promise<T | undefined> => {
    const running = client();
    if (running === undefined) {
      return undefined;
    }
    return running.sendRequest(ExecuteCommandRequest.type, { command, arguments: args });
  };
  const put = (name: string, work: (editor: vscode.TextEditor) => Promise<void>): void => {
    context.subscriptions.push(
      vscode.commands.registerCommand(name, async () => {
        const editor = vscode.window.activeTextEditor;
        if (editor === undefined) {
          return;
        }
        try {
          await work(editor);
        } catch (error) {
          await vscode.window.showErrorMessage(`lossfix: ${error}`);
        }
      }),
    );
  };
  const lossAt = async (editor: vscode.TextEditor): Promise<Loss | undefined> => {
    const losses = (await ask<Loss[]>("lossfix.losses", editor.document.uri.toString())) ?? [];
    const line = editor.selection.active.line + 1;
    const found = losses.filter((loss) => loss.line <= line).at(-1) ?? losses[0];
    if (found === undefined) {
      await vscode.window.showInformationMessage("lossfix: there is no loss in this file");
    }
    return found;
  };

  put("lossfix.verifyLoss", async (editor) => {
    const loss = await lossAt(editor);
    if (loss !== undefined) {
      status.working(`verifying ${loss.name}`);
      try {
        await ask("lossfix.verify", editor.document.uri.toString(), loss.name);
      } finally {
        status.working("");
      }
    }
  });
  put("lossfix.whyNoGradient", async (editor) => {
    const loss = await lossAt(editor);
    if (loss === undefined) {
      return;
    }
    const uri = editor.document.uri.toString();
    const found = await ask<Answer>("lossfix.why", uri, loss.name);
    const page = vscode.Uri.from({ scheme: SCHEME, path: `/${loss.name}: why.txt` });
    previews.put(page, found?.error ?? found?.text ?? "");
    await vscode.window.showTextDocument(page, {
      viewColumn: vscode.ViewColumn.Beside,
      preserveFocus: true,
    });
    if (found?.line !== undefined && found.line > 0) {
      const place = new vscode.Position(found.line - 1, 0);
      editor.revealRange(new vscode.Range(place, place));
    }
  });
  put("lossfix.explainFinding", async (editor) => {
    const line = editor.selection.active.line;
    const found = vscode.languages
      .getDiagnostics(editor.document.uri)
      .find((each) => each.source === "lossfix" && holds(each.range, line));
    if (found === undefined) {
      await vscode.window.showInformationMessage("lossfix: there is no finding on this line");
      return;
    }
    await ask("lossfix.explain", String(found.code));
  });
  put("lossfix.previewRewrite", async (editor) => {
    const uri = editor.document.uri;
    const line = editor.selection.active.line + 1;
    const found = await ask<Answer>("lossfix.preview", uri.toString(), line);
    if (found?.after === undefined || found.after === found.before) {
      const why = found?.error ?? "no fix changes this file";
      await vscode.window.showInformationMessage(`lossfix: ${why}`);
      return;
    }
    const name = vscode.workspace.asRelativePath(uri);
    const after = uri.with({ scheme: SCHEME });
    previews.put(after, found.after);
    await vscode.commands.executeCommand("vscode.diff", uri, after, `${name}: rewritten`);
  });
  put("lossfix.openReport", async (editor) => {
    const found = await ask<Answer>("lossfix.report", editor.document.uri.toString());
    if (found?.path === undefined) {
      const why = found?.error ?? "there is no report";
      await vscode.window.showInformationMessage(`lossfix: ${why}`);
      return;
    }
    await page(vscode.workspace.asRelativePath(editor.document.uri), vscode.Uri.file(found.path));
  });
}

function holds(range: vscode.Range, line: number): boolean {
  return range.start.line <= line && line <= range.end.line;
}

/** Shows a page that needs nothing but itself, wherever the server runs. */
async function page(name: string, place: vscode.Uri): Promise<void> {
  const html = new TextDecoder().decode(await vscode.workspace.fs.readFile(place));
  const panel = vscode.window.createWebviewPanel(
    "lossfix.report",
    `${name}: report`,
    vscode.ViewColumn.Active,
    { enableScripts: true, enableFindWidget: true },
  );
  panel.webview.html = html;
}

/** Texts that are shown and not edited: rewritten ones in diff editors, and answers. */
class Previews implements vscode.TextDocumentContentProvider {
  private readonly texts = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;

  put(uri: vscode.Uri, text: string): void {
    this.texts.set(uri.toString(), text);
    this.changed.fire(uri);
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.toString()) ?? "";
  }
}
