using System.Runtime.CompilerServices;

namespace LlmService.Tokenizers.Jinja;

/// <summary>The tokens of a template, read one by one.</summary>
internal sealed class TokenStream(List<JinjaToken> tokens, int mostNesting)
{
    private int _at;
    private int _depth;

    public JinjaToken Current => tokens[_at];

    public JinjaToken Peek() => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    public JinjaToken Next()
    {
        JinjaToken token = tokens[_at];
        if (_at < tokens.Count - 1) _at++;
        return token;
    }

    public bool Skip(string op)
    {
        bool isThere = Current.Is(op);
        if (isThere) Next();
        return isThere;
    }

    public bool SkipName(string name)
    {
        bool isThere = Current.IsName(name);
        if (isThere) Next();
        return isThere;
    }

    public JinjaToken Expect(TokenKind kind) => Current.Kind == kind ? Next() : throw Error($"expected {(new JinjaToken(kind, "", 0)).Describe()}, got {Current.Describe()}");

    public void Expect(string op)
    {
        if (!Skip(op)) throw Error($"expected token '{op}', got {Current.Describe()}");
    }

    public void ExpectName(string name)
    {
        if (!SkipName(name)) throw Error($"expected token '{name}', got {Current.Describe()}");
    }

    public JinjaError Error(string reason) => new(TemplateFailure.Syntax, reason) { Offset = Current.Offset };

    /// <summary>One level deeper, until the result is disposed of.</summary>
    public Level Enter()
    {
        if (++_depth > mostNesting || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw new JinjaError(TemplateFailure.Limit, $"statements and expressions are nested deeper than {mostNesting}") { Offset = Current.Offset };
        return new Level(this);
    }

    internal readonly struct Level(TokenStream stream) : IDisposable
    {
        public void Dispose() => stream._depth--;
    }
}
