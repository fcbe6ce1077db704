using LlmService.LoopbackHub;

if (args.Length is not (1 or 3) || (args.Length == 3 && (args[1] != "--port" || !int.TryParse(args[2], out _))))
{
    Console.Error.WriteLine("usage: LoopbackHub FOLDER [--port N]");
    return 2;
}
int port = args.Length == 3 ? int.Parse(args[2], System.Globalization.CultureInfo.InvariantCulture) : 0;
string root = Path.GetFullPath(args[0]);
IEnumerable<Repository> repositories = File.Exists(Path.Combine(root, "config.json"))
    ? [Repository.FromFolder("local/" + Path.GetFileName(Path.TrimEndingDirectorySeparator(root)), root)]
    : Directory.EnumerateDirectories(root).SelectMany(Directory.EnumerateDirectories)
        .Select(folder => Repository.FromFolder(Path.GetRelativePath(root, folder).Replace(Path.DirectorySeparatorChar, '/'), folder));
Repository[] served = [.. repositories];
await using LoopbackHubServer server = await LoopbackHubServer.StartAsync(served, port);
// The one token that counts as good; without it every token is bad.
if (Environment.GetEnvironmentVariable("HF_TOKEN") is { Length: > 0 } token)
    server.Tokens[token] = null;
Console.WriteLine($"HF_ENDPOINT={server.Hub.Address}");
foreach (Repository repository in served)
    Console.WriteLine(repository.Id);
Console.WriteLine($"tokens: {string.Join(", ", server.Login.AddUsers(server.Tokens))}");
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) => { pressed.Cancel = true; stop.Cancel(); };
await Task.Delay(Timeout.InfiniteTimeSpan, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
return 0;
