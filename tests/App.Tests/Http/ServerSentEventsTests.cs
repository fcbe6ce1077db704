using System.Threading.Channels;
using Microsoft.AspNetCore.Http;

namespace LlmService.App.Http;

public sealed class ServerSentEventsTests
{
    [Fact]
    public async Task Silence_IsFilledWithComments()
    {
        RingingClock clock = new();
        using MemoryStream sent = new();
        DefaultHttpContext context = new() { Response = { Body = sent } };
        ServerSentEvents events = new(context, new HttpServerOptions { TimeProvider = clock });
        Channel<int> arrivals = Channel.CreateUnbounded<int>();
        Task all = events.ForEachAsync(arrivals.Reader, number => events.WriteAsync(json => json.WriteNumber("n", number)));

        (await clock.NextTimerAsync())();
        // The next timer starts after the comment was sent.
        await clock.NextTimerAsync();
        await arrivals.Writer.WriteAsync(7, TestContext.Current.CancellationToken);
        arrivals.Writer.Complete();
        await all;

        Assert.Equal(": still working\n\ndata: {\"n\":7}\n\n", System.Text.Encoding.UTF8.GetString(sent.ToArray()));
    }

    /// <summary>A clock whose timers ring when the test says so.</summary>
    private sealed class RingingClock : TimeProvider
    {
        private readonly Channel<Action> _timers = Channel.CreateUnbounded<Action>();

        public ValueTask<Action> NextTimerAsync() => _timers.Reader.ReadAsync(TestContext.Current.CancellationToken);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Assert.Equal(TimeSpan.FromSeconds(10), dueTime);
            Assert.True(_timers.Writer.TryWrite(() => callback(state)));
            return new Timer();
        }

        private sealed class Timer : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
