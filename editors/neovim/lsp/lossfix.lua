-- The language server; `vim.lsp.config('lossfix', {...})` changes any of it.
return {
  cmd = { 'lossfix', 'lsp' },
  filetypes = { 'python' },
  root_markers = { 'lossfix.toml', 'pyproject.toml', '.git' },
  settings = { lossfix = vim.empty_dict() },
}
