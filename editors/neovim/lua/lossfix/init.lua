-- What the commands do. The server does the work; this shows it.
local M = {}

local function tell(message, level)
  vim.notify('lossfix: ' .. message, level or vim.log.levels.INFO)
end

local function client()
  local found = vim.lsp.get_clients({ name = 'lossfix', bufnr = 0 })[1]
  if not found then
    tell('no server is attached to this buffer; see :checkhealth vim.lsp', vim.log.levels.WARN)
  end
  return found
end

-- Runs a command of the server; `done` gets its result.
local function run(command, arguments, done)
  local server = client()
  if not server then
    return
  end
  server:request('workspace/executeCommand', {
    command = command,
    arguments = arguments,
  }, function(failed, result)
    if failed then
      tell(failed.message, vim.log.levels.ERROR)
    elseif type(result) == 'table' and result.error then
      tell(result.error, vim.log.levels.ERROR)
    else
      done(result)
    end
  end, 0)
end

-- The loss that the cursor is in: the last one that begins at or above its line.
local function with_loss(done)
  local uri = vim.uri_from_bufnr(0)
  local row = vim.api.nvim_win_get_cursor(0)[1]
  run('lossfix.losses', { uri }, function(losses)
    local found
    for _, loss in ipairs(losses or {}) do
      if loss.line <= row then
        found = loss
      end
    end
    found = found or (losses or {})[1]
    if found then
      done(uri, found.name)
    else
      tell('there is no loss in this file', vim.log.levels.WARN)
    end
  end)
end

local function float(text, syntax)
  vim.lsp.util.open_floating_preview(vim.split(text, '\n'), syntax, { border = 'rounded' })
end

function M.verify()
  with_loss(function(uri, name)
    run('lossfix.verify', { uri, name }, function(result)
      vim.g.lossfix_last_outcome = result.outcome
      tell(name .. ': ' .. result.outcome)
    end)
  end)
end

function M.cancel()
  with_loss(function(uri, name)
    run('lossfix.cancel', { uri, name }, function(stopped)
      tell(stopped and 'stopped' or 'nothing is running')
    end)
  end)
end

function M.why()
  with_loss(function(uri, name)
    run('lossfix.why', { uri, name }, function(result)
      float(result.text, 'text')
    end)
  end)
end

function M.explain()
  local row = vim.api.nvim_win_get_cursor(0)[1] - 1
  for _, found in ipairs(vim.diagnostic.get(0, { lnum = row })) do
    if found.source == 'lossfix' then
      run('lossfix.explain', { found.code }, function(result)
        float(result.text, 'markdown')
      end)
      return
    end
  end
  tell('there is no finding on this line', vim.log.levels.WARN)
end

function M.preview()
  local row = vim.api.nvim_win_get_cursor(0)[1]
  run('lossfix.preview', { vim.uri_from_bufnr(0), row }, function(result)
    if result.before == result.after then
      tell('no fix changes this file')
      return
    end
    vim.cmd('diffthis')
    vim.cmd('vertical new')
    local lines = vim.split((result.after:gsub('\n$', '')), '\n')
    vim.api.nvim_buf_set_lines(0, 0, -1, false, lines)
    vim.bo.buftype, vim.bo.bufhidden, vim.bo.modifiable = 'nofile', 'wipe', false
    vim.bo.filetype = 'python'
    vim.cmd('diffthis')
  end)
end

function M.fix_all()
  vim.lsp.buf.code_action({
    context = { only = { 'source.fixAll.lossfix' }, diagnostics = {} },
    apply = true,
  })
end

return M
