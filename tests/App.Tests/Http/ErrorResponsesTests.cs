using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace LlmService.App.Http;

public sealed class ErrorResponsesTests
{
    private readonly CountingLogger _log = new();

    /// <summary>A read can fail before the request knows that its connection is gone.</summary>
    [Theory]
    [InlineData(typeof(ConnectionResetException))]
    [InlineData(typeof(ConnectionAbortedException))]
    public async Task Connection_ThatIsGone_IsNoFailure(Type kind)
    {
        DefaultHttpContext context = new();
        Lifetime lifetime = new();
        context.Features.Set<IHttpRequestLifetimeFeature>(lifetime);
        using MemoryStream written = new();
        context.Response.Body = written;

        await new ErrorResponses(_log).InvokeAsync(context, _ => throw (Exception)Activator.CreateInstance(kind, "gone")!);

        Assert.Equal((0L, 0, true), (written.Length, _log.Count, lifetime.IsAborted));
    }

    [Fact]
    public async Task File_ThatCannotBeRead_IsAFailureInTheLog()
    {
        DefaultHttpContext context = new();

        await new ErrorResponses(_log).InvokeAsync(context, _ => throw new IOException("disk"));

        Assert.Equal((StatusCodes.Status500InternalServerError, 1), (context.Response.StatusCode, _log.Count));
    }

    /// <summary>After a body that is broken off the next request has no beginning.</summary>
    [Fact]
    public async Task Body_ThatIsBrokenOff_EndsTheConnection()
    {
        DefaultHttpContext broken = new(), wrong = new();
        ErrorResponses errors = new(_log);

        await errors.InvokeAsync(broken, _ => throw new BadHttpRequestException("Unexpected end of request content."));
        await errors.InvokeAsync(wrong, _ => throw new AppException(FailureCode.InvalidRequest, "a field"));

        Assert.Equal((StatusCodes.Status400BadRequest, "close"), (broken.Response.StatusCode, broken.Response.Headers.Connection.ToString()));
        Assert.Equal((StatusCodes.Status400BadRequest, ""), (wrong.Response.StatusCode, wrong.Response.Headers.Connection.ToString()));
        Assert.Equal(0, _log.Count);
    }

    private sealed class Lifetime : IHttpRequestLifetimeFeature
    {
        public CancellationToken RequestAborted { get; set; }

        public bool IsAborted { get; private set; }

        public void Abort() => IsAborted = true;
    }

    private sealed class CountingLogger : ILogger<ErrorResponses>
    {
        public int Count { get; private set; }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Count++;
    }
}
