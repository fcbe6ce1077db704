using System.Runtime.CompilerServices;

namespace LlmService.Tokenizers.Jinja;

/// <summary>One rendering of one template: its variables, its output, where it is, and what it may still cost.</summary>
internal sealed class Rendering
{
    private readonly TemplateLimits _limits;
    private readonly CancellationToken _cancellation;
    private long _stepsLeft;
    private long _textLeft;
    private int _callDepth;

    public Rendering(Template template, IReadOnlyDictionary<string, Value> variables, DateTime now, TemplateLimits limits, CancellationToken cancellation)
    {
        Template = template;
        Variables = variables;
        Now = now;
        _limits = limits;
        _cancellation = cancellation;
        _stepsLeft = limits.Steps;
        _textLeft = limits.AllText;
        Output = new TextBuffer(this);
    }

    public Template Template { get; }

    /// <summary>What the caller gave.</summary>
    public IReadOnlyDictionary<string, Value> Variables { get; }

    /// <summary>What the template set at its top level; blocks see it.</summary>
    public Dictionary<string, Value> Exported { get; set; } = new(StringComparer.Ordinal);

    /// <summary>The local time that strftime_now formats.</summary>
    public DateTime Now { get; }

    /// <summary>Where output goes now.</summary>
    public TextBuffer Output { get; set; }

    /// <summary>Whether an autoescape block is in force.</summary>
    public bool AutoEscape { get; set; }

    /// <summary>The place in the source that is being evaluated.</summary>
    public int Offset { get; set; }

    /// <summary>Counts an evaluated node or a touched element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Step()
    {
        if ((--_stepsLeft & 0x3FF) == 0) CheckSteps();
    }

    /// <summary>Counts many elements at once.</summary>
    public void Steps(long count)
    {
        if (count > _stepsLeft) _stepsLeft = 0;
        else _stepsLeft -= count;
        CheckSteps();
    }

    /// <summary>Counts characters of a text that is made.</summary>
    public void ChargeText(long length)
    {
        if ((_textLeft -= length) < 0)
            throw JinjaError.Limit($"the template makes more than {_limits.AllText} characters of text on its way");
    }

    /// <summary>Refuses a text that is too long, before it is made.</summary>
    public void CheckLength(long length)
    {
        if (length > _limits.TextLength) throw JinjaError.Limit($"a text would be longer than {_limits.TextLength} characters");
    }

    public void EnterCall()
    {
        if (++_callDepth > _limits.CallDepth) throw JinjaError.Limit($"calls are nested deeper than {_limits.CallDepth}");
        CheckStack();
    }

    public void LeaveCall() => _callDepth--;

    /// <summary>Values can be nested deeper than the stack allows; to be called at each level.</summary>
    public static void CheckStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack()) throw JinjaError.Limit("values or expressions are nested too deeply");
    }

    /// <summary>A variable of the caller, or a global function; null when there is none.</summary>
    public Value? Resolve(string name, Dictionary<string, Value> exported) =>
        exported.Count > 0 && exported.TryGetValue(name, out Value? own) ? own
        : Variables.TryGetValue(name, out Value? variable) ? variable
        : Builtins.Globals.Find(name);

    /// <summary>Runs something and takes what it prints.</summary>
    public TextBuffer Capture()
    {
        TextBuffer outer = Output;
        Output = new TextBuffer(this);
        return outer;
    }

    private void CheckSteps()
    {
        _cancellation.ThrowIfCancellationRequested();
        if (_stepsLeft <= 0) throw JinjaError.Limit($"the template takes more than {_limits.Steps} steps");
    }
}
