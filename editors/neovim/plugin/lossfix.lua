-- Starts the server for Python files, and adds the commands that doc/lossfix.txt tells of.
if vim.g.loaded_lossfix then
  return
end
vim.g.loaded_lossfix = true

if vim.fn.has('nvim-0.11') == 0 then
  vim.notify('lossfix needs Neovim 0.11 or later', vim.log.levels.WARN)
  return
end

local commands = {
  LossfixVerify = { 'verify', 'Run the fixes of the loss at the cursor' },
  LossfixCancel = { 'cancel', 'Stop the verification of the loss at the cursor' },
  LossfixWhy = { 'why', 'Show where the gradient of the loss at the cursor is lost' },
  LossfixExplain = { 'explain', 'Show the page of the rule at the cursor' },
  LossfixPreview = { 'preview', 'Show the fix of this line as a diff' },
  LossfixFixAll = { 'fix_all', 'Make every exact and guarded fix of this file' },
}
for name, command in pairs(commands) do
  vim.api.nvim_create_user_command(name, function()
    require('lossfix')[command[1]]()
  end, { desc = command[2] })
end

if vim.g.lossfix_enable ~= false then
  vim.lsp.enable('lossfix')
end
