namespace LlmService.App.Check;

/// <summary>The steps of a check while it runs; what is not told of one stays "not reached".</summary>
internal sealed class CheckSteps
{
    public const string Endpoint = "endpoint";
    public const string Token = "token";
    public const string Repository = "repository";
    public const string Gate = "gate";
    public const string Revision = "revision";
    public const string Folder = "folder";
    public const string Architecture = "architecture";
    public const string Weights = "weights";
    public const string Tokenizer = "tokenizer";
    public const string ChatTemplate = "chat_template";
    public const string Licence = "licence";
    public const string Download = "download";
    public const string Disk = "disk";
    public const string Memory = "memory";

    private static readonly string[] Model = [Architecture, Weights, Tokenizer, ChatTemplate, Licence];

    private readonly List<CheckStep> _steps;
    private string _current;

    private CheckSteps(IEnumerable<string> names)
    {
        _steps = [.. names.Select(name => new CheckStep(name, CheckStatus.NotReached, ""))];
        _current = _steps[0].Name;
    }

    public IReadOnlyList<CheckStep> All => _steps;

    /// <summary>The steps of a model of the Hub.</summary>
    public static CheckSteps OfHub() => new([Endpoint, Token, Repository, Gate, Revision, .. Model, Download, Disk, Memory]);

    /// <summary>The steps of a folder.</summary>
    public static CheckSteps OfFolder() => new([Folder, .. Model, Memory]);

    public void Pass(string name, string detail) => Set(name, CheckStatus.Passed, detail);

    public void Fail(string name, string detail) => Set(name, CheckStatus.Failed, detail);

    /// <summary>Says why a step was not taken.</summary>
    public void Leave(string name, string detail) => Set(name, CheckStatus.NotReached, detail);

    /// <summary>From here on a failure is one of this step.</summary>
    public void Begin(string name) => _current = name;

    public bool HasFailed(string name) => _steps.Find(step => step.Name == name)!.Status == CheckStatus.Failed;

    /// <summary>The step that runs has failed, unless more was said of it already.</summary>
    public void FailCurrent(string detail)
    {
        if (!HasFailed(_current))
            Fail(_current, detail);
    }

    private void Set(string name, CheckStatus status, string detail) =>
        _steps[_steps.FindIndex(step => step.Name == name)] = new CheckStep(name, status, detail);
}
