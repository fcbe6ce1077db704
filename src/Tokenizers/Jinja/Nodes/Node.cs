namespace LlmService.Tokenizers.Jinja;

/// <summary>A part of a parsed template.</summary>
/// <param name="offset">Where it stands in the source.</param>
internal abstract class Node(int offset)
{
    public int Offset => offset;

    /// <summary>How deep the expressions below nest; set by the parser.</summary>
    public int Depth { get; set; }

    /// <summary>The nodes of which this one consists, in the order of their names' meaning.</summary>
    public abstract IEnumerable<Node> Children { get; }

    /// <summary>Tells a scope which names it reads and sets; inner scopes are not looked into.</summary>
    public virtual void Declare(Scope scope)
    {
        foreach (Node child in Children) child.Declare(scope);
    }

    /// <summary>Finds the slots of names, and refuses what cannot work.</summary>
    public virtual void Bind(Binding binding)
    {
        foreach (Node child in Children) child.Bind(binding);
    }
}

/// <summary>A node that has a value.</summary>
internal abstract class Expression(int offset) : Node(offset)
{
    public abstract Value Evaluate(Activation frame);
}

/// <summary>How a statement ended.</summary>
internal enum Flow
{
    Next,
    Break,
    Continue,
}

/// <summary>A node that does something.</summary>
internal abstract class Statement(int offset) : Node(offset)
{
    public abstract Flow Execute(Activation frame);

    public static Flow ExecuteAll(IReadOnlyList<Statement> body, Activation frame)
    {
        for (int i = 0; i < body.Count; i++)
        {
            Flow flow = body[i].Execute(frame);
            if (flow != Flow.Next) return flow;
        }

        return Flow.Next;
    }
}
