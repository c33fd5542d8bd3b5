// The status bar item: whether the server runs, and how many findings the open file has.
import * as vscode from "vscode";

export class StatusItem implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem(
    "lossfix",
    vscode.StatusBarAlignment.Right,
    100,
  );
  private alive = false;
  private busy = "";

  constructor() {
    this.item.name = "lossfix";
    this.item.command = "lossfix.showOutput";
    this.item.show();
    this.count();
  }

  running(alive: boolean): void {
    this.alive = alive;
    this.count();
  }

  failed(message: string): void {
    this.item.text = "$(error) lossfix";
    this.item.tooltip = message;
  }

  working(what: string): void {
    this.busy = what;
    this.count();
  }

  count(): void {
    if (this.busy !== "") {
      this.item.text = `$(sync~spin) lossfix: ${this.busy}`;
      return;
    }
    const uri = vscode.window.activeTextEditor?.document.uri;
    const found = uri === undefined ? [] : vscode.languages.getDiagnostics(uri);
    const own = found.filter((each) => each.source === "lossfix").length;
    this.item.text = this.alive ? `$(beaker) lossfix: ${own}` : "$(circle-slash) lossfix";
    this.item.tooltip = this.alive
      ? `${own} ${own === 1 ? "finding" : "findings"} in this file`
      : "the server is not running";
  }

  dispose(): void {
    this.item.dispose();
  }
}
