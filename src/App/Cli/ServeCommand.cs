using System.CommandLine;
using LlmService.App.Check;
using LlmService.App.Http;
using LlmService.Inference.Kernels;

namespace LlmService.App.Cli;

/// <summary><c>serve</c>: the HTTP service.</summary>
internal sealed class ServeCommand
{
    private static readonly TimeSpan LastAnswers = TimeSpan.FromSeconds(5);

    private readonly ProcessContext _context;
    private readonly Option<string[]> _models = new("--model") { Description = "A model to serve: demo, a Hub id owner/name[@revision], or a folder; may be given several times.", HelpName = "MODEL" };
    private readonly Option<string?> _host = new("--host") { Description = "The address to listen on (default 127.0.0.1).", HelpName = "ADDRESS" };
    private readonly Option<string?> _port = new("--port") { Description = "The port to listen on (default 3001).", HelpName = "N" };
    private readonly Option<bool> _skipTokenizer = new("--skip-tokenizer-init") { Description = "Read no tokenizer: only token-id prompts are taken, tokens are written as token_id:N." };
    private readonly EngineSettings _engine = new();

    private ServeCommand(ProcessContext context) => _context = context;

    public static Command Create(ProcessContext context)
    {
        ServeCommand serve = new(context);
        Command command = new("serve", "Serves models over HTTP.") { serve._models, serve._host, serve._port, serve._skipTokenizer };
        command.Aliases.Add("dev");
        serve._engine.AddTo(command);
        command.SetAction((parsed, _) => serve.InvokeAsync(parsed));
        return command;
    }

    private async Task<int> InvokeAsync(ParseResult parsed)
    {
        AppOptions options = AppOptions.Read(_context, _engine.Read(parsed, parsed.GetValue(_models) ?? []) with
        {
            Host = parsed.GetValue(_host),
            Port = parsed.GetValue(_port),
            SkipTokenizerInit = parsed.GetValue(_skipTokenizer),
        });
        using Interrupt interrupt = new();
        using WorkerPool workers = new(options.Threads);
        DateTimeOffset now = _context.TimeProvider.GetUtcNow();
        await using LoadedModels models = new([.. options.Models.Select(m => new LoadedModel(m, now))]);
        HttpServerOptions http = new()
        {
            Host = options.Host,
            Port = options.Port,
            Prompts = options.Prompts,
            TimeProvider = _context.TimeProvider,
            Check = new ModelCheck(options, workers).RunAsync,
        };
        await using WebApplication server = HttpServer.Build(http, models);
        await StartAsync(server, http);
        _context.Error.WriteLine($"Listening on {string.Join(", ", server.Urls)}");

        DownloadReport download = DownloadReport.To(_context);
        int loaded = await LoadAllAsync(models, new ModelLoading(options, workers, _context.Out, download), interrupt.Token);
        if (loaded == 0 && !interrupt.Token.IsCancellationRequested)
        {
            // Those who ask just now, mostly for the state, get their answer.
            using CancellationTokenSource soon = new(LastAnswers);
            await server.StopAsync(soon.Token);
            return models.All[0].Failure!.Code.ExitCode;
        }
        await WaitAsync(interrupt.Token);
        await server.StopAsync();
        return interrupt.ByCtrlC ? FailureCode.Interrupted.ExitCode : 0;
    }

    private static async Task StartAsync(WebApplication server, HttpServerOptions options)
    {
        try
        {
            await server.StartAsync();
        }
        catch (IOException e) when (HttpServer.PortInUse(e, options) is { } failure)
        {
            throw failure;
        }
    }

    private async Task<int> LoadAllAsync(LoadedModels models, ModelLoading loading, CancellationToken cancellationToken)
    {
        int loaded = 0;
        foreach (LoadedModel model in models.All)
        {
            try
            {
                model.Complete(await loading.LoadAsync(model.Reference, model.Report, cancellationToken));
                loaded++;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return loaded;
            }
            catch (Exception e)
            {
                Failure failure = Failures.From(e);
                if (failure.Code == FailureCode.InternalError)
                    _context.Error.WriteLine(e.ToString());
                model.Fail(failure);
                CommandLine.Fail(_context, json: false, failure);
            }
        }
        return loaded;
    }

    private static async Task WaitAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using CancellationTokenRegistration registration = cancellationToken.Register(ended.SetResult);
        await ended.Task;
    }
}
