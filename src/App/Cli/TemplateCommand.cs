using System.CommandLine;
using System.Text.Json.Nodes;
using LlmService.Inference;
using LlmService.Tokenizers;
using LlmService.Tokenizers.Chat;
using StringBuilder = System.Text.StringBuilder;

namespace LlmService.App.Cli;

/// <summary><c>template MODEL|FILE.jinja</c>: renders conversations with a chat template.</summary>
internal sealed class TemplateCommand
{
    private const string Sample = """{"messages":[{"role":"user","content":"Hello, how are you?"}],"add_generation_prompt":true}""";
    private const int MaxMessagesBytes = 64 << 20;

    private readonly ProcessContext _context;
    private readonly Argument<string> _model = new("MODEL") { Description = "demo, a Hub id owner/name[@revision], a folder, or a FILE.jinja." };
    private readonly Option<string?> _messages = new("--messages")
    {
        Description = "A JSON file with an array of messages, or an object with 'messages' and whatever else the template reads; - reads standard input.",
        HelpName = "FILE",
    };
    private readonly Option<bool> _jsonl = new("--jsonl") { Description = "Read one JSON object a line from standard input, and answer each with one line." };
    private readonly Option<bool> _json = new("--json") { Description = "Write one JSON object." };

    private TemplateCommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        TemplateCommand template = new(context);
        Command command = new("template", "Renders a conversation with a model's chat template: the prompt and its tokens.") { template._model, template._messages, template._jsonl, template._json };
        command.SetAction((parsed, _) => template.InvokeAsync(parsed));
        return command;
    }

    private async Task<int> InvokeAsync(ParseResult parsed)
    {
        string name = parsed.GetValue(_model)!;
        if (!name.EndsWith(".jinja", StringComparison.Ordinal))
        {
            AppOptions options = AppOptions.Read(_context, new CommandLineValues { Models = [name] });
            using Interrupt interrupt = new();
            (ModelSource source, _) = await new TokenizerLoading(options.Hub).FindAsync(options.Models[0], files => files.FilesBeforeWeights(null), interrupt.Token);
            return Run(parsed, () => Load(name, source), source, interrupt.Token);
        }
        string path = _context.Expand(name);
        if (!File.Exists(path))
            throw new AppException(FailureCode.InvalidRequest, $"There is no file '{path}'.") { Parameter = "MODEL" };
        return Run(parsed, () => ChatTemplate.Parse(File.ReadAllText(path), Path.GetFileName(path)), null, CancellationToken.None);
    }

    private static ChatTemplate Load(string name, ModelSource source) => source.ChatTemplate()
        ?? throw new AppException(FailureCode.InvalidRequest, $"'{name}' has no chat template.") { Parameter = "MODEL", Remedy = "Name a FILE.jinja, or a model with one." };

    private int Run(ParseResult parsed, Func<ChatTemplate> load, ModelSource? source, CancellationToken cancellationToken)
    {
        if (!parsed.GetValue(_jsonl))
            return Show(load(), ReadMessages(parsed.GetValue(_messages)), source, parsed.GetValue(_json));
        return JsonLines.Run(_context.In, _context.Out, new TemplateLines(load, _context.TimeProvider).Answer, cancellationToken);
    }

    private string ReadMessages(string? file)
    {
        if (file is null)
            return Sample;
        if (file == "-")
            return _context.In.ReadToEnd();
        FileInfo info = new(_context.Expand(file));
        if (!info.Exists || info.Length > MaxMessagesBytes)
            throw new AppException(FailureCode.InvalidRequest, info.Exists ? $"'{info.FullName}' is larger than {MaxMessagesBytes} bytes." : $"There is no file '{info.FullName}'.") { Parameter = "--messages" };
        return File.ReadAllText(info.FullName);
    }

    private int Show(ChatTemplate template, string json, ModelSource? source, bool asJson)
    {
        RenderedChat chat = TemplateLines.Render(template, json, _context.TimeProvider);
        Tokenizer? tokenizer = source?.HasTokenizer == true ? source.Tokenizer() : null;
        Encoding? encoding = tokenizer is null ? null : chat.Encode(tokenizer);
        if (asJson)
            _context.Out.WriteLine(JsonOutput.Write(ToJson(chat, encoding, tokenizer)));
        else
            Print(chat, encoding, tokenizer);
        return 0;
    }

    private static JsonObject ToJson(RenderedChat chat, Encoding? encoding, Tokenizer? tokenizer)
    {
        JsonObject json = new() { ["ok"] = true, ["text"] = chat.Text };
        if (encoding is not null)
        {
            json["ids"] = new JsonArray([.. encoding.Ids.Select(id => JsonValue.Create(id))]);
            json["tokens"] = new JsonArray([.. encoding.Tokens.Select(token => JsonValue.Create(token))]);
            json["special"] = new JsonArray([.. encoding.Ids.Select(id => JsonValue.Create(tokenizer!.IsSpecial(id)))]);
        }
        return json;
    }

    private void Print(RenderedChat chat, Encoding? encoding, Tokenizer? tokenizer)
    {
        _context.Out.WriteLine(encoding is null || !_context.IsTerminal ? chat.Text : Coloured(chat.Text, encoding, tokenizer!));
        if (encoding is null)
            return;
        _context.Out.WriteLine();
        _context.Out.WriteLine(string.Join(' ', encoding.Ids.Select(id => tokenizer!.IsSpecial(id) ? $"[{id}]" : $"{id}")));
        _context.Error.WriteLine($"{encoding.Count} tokens, {encoding.Ids.Count(tokenizer!.IsSpecial)} of them special (in brackets)");
    }

    private static string Coloured(string text, Encoding encoding, Tokenizer tokenizer)
    {
        StringBuilder coloured = new();
        int done = 0;
        for (int i = 0; i < encoding.Count; i++)
        {
            TextRange range = encoding.Offsets[i];
            if (!tokenizer.IsSpecial(encoding.Ids[i]) || range.Start < done)
                continue;
            coloured.Append(text, done, range.Start - done).Append("\u001b[36m").Append(text, range.Start, range.End - range.Start).Append("\u001b[0m");
            done = range.End;
        }
        return coloured.Append(text, done, text.Length - done).ToString();
    }
}
