using LlmService.App.Check;
using LlmService.App.Tasks;

namespace LlmService.App.Http;

/// <summary>How the server listens and answers.</summary>
internal sealed record HttpServerOptions
{
    /// <summary>An IP address, <c>localhost</c>, or <c>*</c> for every address of the machine.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>The port; 0 lets the system choose one.</summary>
    public int Port { get; init; } = 3001;

    /// <summary>How long a stream may be silent before a comment keeps proxies and clients from giving up.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Finds out whether a model could be loaded; null for a server without that endpoint.</summary>
    public Func<ModelReference, CancellationToken, Task<CheckReport>>? Check { get; init; }

    /// <summary>What the tasks ask the models.</summary>
    public TaskPrompts Prompts { get; init; } = TaskPrompts.Default;

    /// <summary>The clock of time stamps and heartbeats.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
