using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using LlmService.Inference;
using LlmService.Inference.Kernels;

namespace LlmService.App.Cli;

/// <summary><c>run MODEL PROMPT</c>: streams one answer to standard output.</summary>
internal sealed class RunCommand
{
    private const int MaxPromptCharacters = 8 * 1024 * 1024;

    private readonly ProcessContext _context;
    private readonly Argument<string> _model = new("MODEL") { Description = "demo, a Hub id owner/name[@revision], or a folder." };
    private readonly Argument<string> _prompt = new("PROMPT") { Description = "The prompt; - reads standard input." };
    private readonly EngineSettings _engine = new();
    private readonly Option<int?> _maxTokens = new("--max-tokens") { Description = "Tokens of the answer at most.", HelpName = "N" };
    private readonly Option<float?> _temperature = new("--temperature") { Description = "0 is greedy.", HelpName = "T" };
    private readonly Option<float?> _topP = new("--top-p") { Description = "Keep the best tokens up to this probability.", HelpName = "P" };
    private readonly Option<int?> _topK = new("--top-k") { Description = "Keep the best K tokens; 0 keeps all.", HelpName = "K" };
    private readonly Option<float?> _minP = new("--min-p") { Description = "Keep tokens of at least this share of the best one's probability.", HelpName = "P" };
    private readonly Option<float?> _typicalP = new("--typical-p") { Description = "Keep the most typical tokens up to this probability.", HelpName = "P" };
    private readonly Option<float?> _repetitionPenalty = new("--repetition-penalty") { Description = "Above 1 makes repeated tokens less likely.", HelpName = "X" };
    private readonly Option<int?> _noRepeat = new("--no-repeat-ngram-size") { Description = "No run of N tokens comes twice.", HelpName = "N" };
    private readonly Option<int?> _beams = new("--num-beams") { Description = "Search with so many beams; the text comes at the end. 1 does not search.", HelpName = "N" };
    private readonly Option<float?> _lengthPenalty = new("--length-penalty") { Description = "Beam search: above 0 favours long answers.", HelpName = "X" };
    private readonly Option<string?> _earlyStopping = new("--early-stopping") { Description = "Beam search: true, false or never.", HelpName = "WHEN" };
    private readonly Option<ulong?> _seed = new("--seed") { Description = "Same seed, same text.", HelpName = "N" };
    private readonly Option<string[]> _stop = new("--stop") { Description = "A text that ends the answer; may be given several times.", HelpName = "TEXT" };
    private readonly Option<string?> _system = new("--system") { Description = "Instructions that stand before the prompt.", HelpName = "TEXT" };
    private readonly Option<bool> _json = new("--json") { Description = "Write one JSON object instead of the text." };

    private RunCommand(ProcessContext context)
    {
        _context = context;
        _earlyStopping.AcceptOnlyFromAmong("true", "false", "never");
    }

    public static Command Create(ProcessContext context)
    {
        RunCommand run = new(context);
        Command command = new("run", "Generates one text and streams it to standard output.")
        {
            run._model, run._prompt, run._maxTokens, run._temperature, run._topP, run._topK, run._minP, run._typicalP,
            run._repetitionPenalty, run._noRepeat, run._beams, run._lengthPenalty, run._earlyStopping, run._seed, run._stop, run._system, run._json,
        };
        run._engine.AddTo(command);
        command.SetAction((parsed, _) => run.InvokeAsync(parsed));
        return command;
    }

    private async Task<int> InvokeAsync(ParseResult parsed)
    {
        AppOptions options = AppOptions.Read(_context, _engine.Read(parsed, [parsed.GetValue(_model)!]));
        string prompt = parsed.GetValue(_prompt)! is var given && given == "-" ? ReadStandardInput() : given;
        using Interrupt interrupt = new();
        using WorkerPool workers = new(options.Threads);
        DownloadReport download = DownloadReport.To(_context);
        ModelLoading loading = new(options, workers, _context.Error, download);
        await using LlmEngine engine = await loading.LoadAsync(options.Models[0], _ => { }, interrupt.Token);
        ChatPrompt chat = parsed.GetValue(_system) is { } system
            ? ChatPrompt.Render(engine, new([new("system", system), new("user", prompt)]) { Now = _context.TimeProvider.GetLocalNow().DateTime }, interrupt.Token)
            : new(prompt, null);
        GenerationRequest request = new()
        {
            Prompt = chat.TokenIds is null ? chat.Text : null,
            PromptTokenIds = chat.TokenIds,
            MaxTokens = parsed.GetValue(_maxTokens),
            Sampling = ReadSampling(parsed, engine.DefaultSampling),
            Stop = parsed.GetValue(_stop) ?? [],
        };
        return await GenerateAsync(engine, request, parsed.GetValue(_json), interrupt.Token);
    }

    private SamplingParameters ReadSampling(ParseResult parsed, SamplingParameters defaults) => defaults with
    {
        Temperature = parsed.GetValue(_temperature) ?? defaults.Temperature,
        TopP = parsed.GetValue(_topP) ?? defaults.TopP,
        TopK = parsed.GetValue(_topK) ?? defaults.TopK,
        MinP = parsed.GetValue(_minP) ?? defaults.MinP,
        TypicalP = parsed.GetValue(_typicalP) ?? defaults.TypicalP,
        RepetitionPenalty = parsed.GetValue(_repetitionPenalty) ?? defaults.RepetitionPenalty,
        NoRepeatNGramSize = parsed.GetValue(_noRepeat) ?? defaults.NoRepeatNGramSize,
        NumBeams = parsed.GetValue(_beams) ?? defaults.NumBeams,
        LengthPenalty = parsed.GetValue(_lengthPenalty) ?? defaults.LengthPenalty,
        EarlyStopping = parsed.GetValue(_earlyStopping) switch
        {
            "true" => EarlyStopping.AtOnce,
            "false" => EarlyStopping.WhenUnlikely,
            "never" => EarlyStopping.Never,
            _ => defaults.EarlyStopping,
        },
        Seed = parsed.GetValue(_seed),
    };

    private async Task<int> GenerateAsync(LlmEngine engine, GenerationRequest request, bool json, CancellationToken cancellationToken)
    {
        try
        {
            GeneratedText answer = await GeneratedText.GenerateAsync(engine, request, json ? null : Show, cancellationToken);
            _context.Out.WriteLine(json ? JsonOutput.Write(ToJson(answer)) : "");
            _context.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"[{answer.PromptTokens} prompt tokens, {answer.Tokens} tokens, first after {answer.FirstToken?.TotalMilliseconds ?? 0:0} ms, {answer.TokensPerSecond:0.0} tokens/s]"));
            return 0;
        }
        catch (OperationCanceledException) when (!json)
        {
            _context.Out.WriteLine();
            return FailureCode.Interrupted.ExitCode;
        }
    }

    private void Show(string text)
    {
        _context.Out.Write(text);
        _context.Out.Flush();
    }

    private static JsonObject ToJson(GeneratedText answer) => new()
    {
        ["ok"] = true,
        ["text"] = answer.Text,
        ["finish_reason"] = answer.FinishReason == FinishReason.Stop ? "stop" : "length",
        ["usage"] = new JsonObject
        {
            ["prompt_tokens"] = answer.PromptTokens,
            ["completion_tokens"] = answer.Tokens,
            ["total_tokens"] = answer.PromptTokens + answer.Tokens,
        },
        ["first_token_ms"] = Math.Round(answer.FirstToken?.TotalMilliseconds ?? 0, 1),
        ["tokens_per_second"] = Math.Round(answer.TokensPerSecond, 1),
    };

    private string ReadStandardInput()
    {
        char[] buffer = new char[64 * 1024];
        StringBuilder text = new();
        for (int read = _context.In.Read(buffer); read > 0; read = _context.In.Read(buffer))
        {
            text.Append(buffer, 0, read);
            if (text.Length > MaxPromptCharacters)
                throw new AppException(FailureCode.RequestTooLarge, $"The prompt on standard input is longer than {MaxPromptCharacters} characters.");
        }
        return text.ToString().TrimEnd('\r', '\n');
    }
}
