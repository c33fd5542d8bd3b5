// Starts the language server, and shows what it answers. It decides nothing about losses.
import * as vscode from "vscode";
import { LanguageClient, State } from "vscode-languageclient/node";
import type { LanguageClientOptions, ServerOptions } from "vscode-languageclient/node";
import { registerCommands } from "./commands";
import { StatusItem } from "./status";

let client: LanguageClient | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const output = vscode.window.createOutputChannel("lossfix", { log: true });
  const status = new StatusItem();
  context.subscriptions.push(output, status);
  const start = async (): Promise<void> => {
    await client?.stop();
    client = made(output);
    client.onDidChangeState((change) => {
      status.running(change.newState === State.Running);
    });
    context.subscriptions.push(client);
    try {
      await client.start();
    } catch (error) {
      status.failed(String(error));
      const answer = await vscode.window.showErrorMessage(
        `lossfix could not be started: ${error}. Install it with pip install 'lossfix[lsp]', ` +
          "or set lossfix.command.",
        "Open settings",
      );
      if (answer !== undefined) {
        await vscode.commands.executeCommand("workbench.action.openSettings", "lossfix.command");
      }
    }
  };
  registerCommands(context, () => client, status);
  context.subscriptions.push(
    vscode.commands.registerCommand("lossfix.restart", start),
    vscode.commands.registerCommand("lossfix.showOutput", () => output.show()),
    vscode.languages.onDidChangeDiagnostics(() => status.count()),
    vscode.workspace.onDidChangeConfiguration(async (change) => {
      if (change.affectsConfiguration("lossfix.command")) {
        await start();
      }
    }),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}

function made(output: vscode.LogOutputChannel): LanguageClient {
  const command = vscode.workspace.getConfiguration("lossfix").get<string[]>("command") ?? [];
  const [program, ...args] = command.length > 0 ? command : ["lossfix", "lsp"];
  const server: ServerOptions = { command: program, args };
  const options: LanguageClientOptions = {
    documentSelector: [
      { scheme: "file", language: "python" },
      { notebook: "jupyter-notebook", language: "python" },
    ],
    outputChannel: output,
    diagnosticPullOptions: { onChange: true, onSave: false },
    initializationOptions: vscode.workspace.getConfiguration("lossfix"),
  };
  return new LanguageClient("lossfix", "lossfix", server, options);
}
