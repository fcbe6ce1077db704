using System.Globalization;
using System.Numerics;

namespace LlmService.Tokenizers.Jinja;

/// <summary>Parses expressions, with the precedences of the reference.</summary>
internal sealed class ExpressionParser(TokenStream tokens)
{
    // As deep as the reference can nest parentheses in what it generates.
    private const int DeepestExpression = 200;

    public Expression Parse(bool withConditional = true)
    {
        using TokenStream.Level level = tokens.Enter();
        return withConditional ? ParseConditional() : ParseOr();
    }

    /// <summary>An expression, or several with commas between them as a tuple.</summary>
    public Expression ParseTuple(bool withConditional = true, bool isInParentheses = false) => ParseTuple(() => Parse(withConditional), isInParentheses);

    public string ParseName() => tokens.Expect(TokenKind.Name).Text;

    /// <summary>What a loop or a set assigns to.</summary>
    public Target ParseTarget(bool withNamespace)
    {
        int offset = tokens.Current.Offset;
        if (withNamespace && tokens.Peek().Is("."))
        {
            string name = ParseName();
            tokens.Next();
            return new NamespaceTarget(name, ParseName(), offset);
        }

        return ToTarget(ParseTuple(ParsePrimary, isInParentheses: false));
    }

    /// <summary>The filters behind a value; null when there are none and no value.</summary>
    public FilterExpression? ParseFilters(Expression? value, bool startsInline)
    {
        FilterExpression? filter = null;
        while (startsInline || tokens.Current.Is("|"))
        {
            if (!startsInline) tokens.Next();
            startsInline = false;
            int offset = tokens.Current.Offset;
            string name = ParseDottedName();
            ArgumentList arguments = tokens.Current.Is("(") ? ParseArguments() : ArgumentList.Empty;
            value = filter = Built(new FilterExpression(value, name, arguments, offset));
        }

        return filter;
    }

    private Expression ParseTuple(Func<Expression> parse, bool isInParentheses)
    {
        int offset = tokens.Current.Offset;
        List<Expression> items = [];
        bool isTuple = false;
        while (true)
        {
            if (items.Count > 0) tokens.Expect(",");
            if (tokens.Current.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd || tokens.Current.Is(")")) break;
            items.Add(parse());
            if (!tokens.Current.Is(",")) break;
            isTuple = true;
        }

        if (isTuple) return Built(new SequenceExpression(items, isTuple: true, offset));
        if (items.Count == 1) return items[0];
        return isInParentheses ? Built(new SequenceExpression([], isTuple: true, offset)) : throw tokens.Error($"Expected an expression, got {tokens.Current.Describe()}");
    }

    private Target ToTarget(Expression expression) => expression switch
    {
        NameExpression name => new NameTarget(name.Name, name.Offset),
        SequenceExpression { IsTuple: true } tuple => new TupleTarget([.. tuple.Items.Select(ToTarget)], tuple.Offset),
        _ => throw new JinjaError(TemplateFailure.Syntax, "can't assign to this expression") { Offset = expression.Offset },
    };

    private Expression ParseConditional()
    {
        Expression value = ParseOr();
        while (tokens.Current.IsName("if"))
        {
            int offset = tokens.Next().Offset;
            Expression test = ParseOr();
            Expression? otherwise = tokens.SkipName("else") ? Parse() : null;
            value = Built(new ConditionalExpression(test, value, otherwise, offset));
        }

        return value;
    }

    private Expression ParseOr()
    {
        Expression left = ParseAnd();
        while (tokens.Current.IsName("or"))
        {
            int offset = tokens.Next().Offset;
            left = Built(new LogicalExpression(left, ParseAnd(), isAnd: false, offset));
        }

        return left;
    }

    private Expression ParseAnd()
    {
        Expression left = ParseNot();
        while (tokens.Current.IsName("and"))
        {
            int offset = tokens.Next().Offset;
            left = Built(new LogicalExpression(left, ParseNot(), isAnd: true, offset));
        }

        return left;
    }

    private Expression ParseNot()
    {
        if (!tokens.Current.IsName("not")) return ParseComparison();
        using TokenStream.Level level = tokens.Enter();
        int offset = tokens.Next().Offset;
        return Built(new NotExpression(ParseNot(), offset));
    }

    private Expression ParseComparison()
    {
        Expression first = ParseSum();
        int offset = tokens.Current.Offset;
        List<(string, Expression)> rest = [];
        while (ComparisonOperator() is { } op) rest.Add((op, ParseSum()));
        return rest.Count == 0 ? first : Built(new ComparisonExpression(first, rest, offset));
    }

    /// <summary>Takes a comparison operator when there is one.</summary>
    private string? ComparisonOperator()
    {
        JinjaToken token = tokens.Current;
        if (token is { Kind: TokenKind.Operator, Text: "==" or "!=" or "<" or "<=" or ">" or ">=" }) return tokens.Next().Text;
        if (tokens.SkipName("in")) return "in";
        if (!token.IsName("not") || !tokens.Peek().IsName("in")) return null;
        tokens.Next();
        tokens.Next();
        return "not in";
    }

    private Expression ParseSum()
    {
        Expression left = ParseConcatenation();
        while (tokens.Current is { Kind: TokenKind.Operator, Text: "+" or "-" })
        {
            JinjaToken op = tokens.Next();
            left = Built(new BinaryExpression(op.Text, left, ParseConcatenation(), op.Offset));
        }

        return left;
    }

    private Expression ParseConcatenation()
    {
        Expression first = ParseProduct();
        if (!tokens.Current.Is("~")) return first;
        int offset = tokens.Current.Offset;
        List<Expression> parts = [first];
        while (tokens.Skip("~")) parts.Add(ParseProduct());
        return Built(new ConcatenationExpression(parts, offset));
    }

    private Expression ParseProduct()
    {
        Expression left = ParsePower();
        while (tokens.Current is { Kind: TokenKind.Operator, Text: "*" or "/" or "//" or "%" })
        {
            JinjaToken op = tokens.Next();
            left = Built(new BinaryExpression(op.Text, left, ParsePower(), op.Offset));
        }

        return left;
    }

    private Expression ParsePower()
    {
        Expression left = ParseUnary(withFilters: true);
        while (tokens.Current.Is("**"))
        {
            int offset = tokens.Next().Offset;
            left = Built(new BinaryExpression("**", left, ParseUnary(withFilters: true), offset));
        }

        return left;
    }

    private Expression ParseUnary(bool withFilters)
    {
        using TokenStream.Level level = tokens.Enter();
        JinjaToken token = tokens.Current;
        Expression value;
        if (token.Is("-") || token.Is("+"))
        {
            tokens.Next();
            value = Built(new SignExpression(ParseUnary(withFilters: false), token.Text == "-", token.Offset));
        }
        else
        {
            value = ParsePrimary();
        }

        value = ParsePostfix(value);
        return withFilters ? ParseFiltersAndTests(value) : value;
    }

    private Expression ParsePrimary()
    {
        using TokenStream.Level level = tokens.Enter();
        JinjaToken token = tokens.Current;
        switch (token.Kind)
        {
            case TokenKind.Name:
                tokens.Next();
                return ParseNameOrConstant(token);
            case TokenKind.Text:
                return ParseText(token.Offset);
            case TokenKind.Integer:
                tokens.Next();
                return new ConstantExpression(IntValue.Of(ParseInteger(token)), token.Offset);
            case TokenKind.Float:
                tokens.Next();
                return new ConstantExpression(new FloatValue(double.Parse(token.Text, CultureInfo.InvariantCulture)), token.Offset);
            case TokenKind.Operator when token.Text == "(":
                tokens.Next();
                Expression inner = ParseTuple(isInParentheses: true);
                tokens.Expect(")");
                return inner;
            case TokenKind.Operator when token.Text == "[":
                return ParseList();
            case TokenKind.Operator when token.Text == "{":
                return ParseDict();
            default:
                throw tokens.Error($"unexpected {token.Describe()}");
        }
    }

    private static Expression ParseNameOrConstant(JinjaToken token) => token.Text switch
    {
        "true" or "True" => new ConstantExpression(BoolValue.True, token.Offset),
        "false" or "False" => new ConstantExpression(BoolValue.False, token.Offset),
        "none" or "None" => new ConstantExpression(NoneValue.Instance, token.Offset),
        _ => new NameExpression(token.Text, token.Offset),
    };

    /// <summary>Literals that follow each other are one.</summary>
    private ConstantExpression ParseText(int offset)
    {
        string text = tokens.Next().Text;
        while (tokens.Current.Kind == TokenKind.Text) text += tokens.Next().Text;
        return new ConstantExpression(new StringValue(text), offset);
    }

    private static BigInteger ParseInteger(JinjaToken token)
    {
        string digits = token.Text;
        if (digits.Length > 4300) throw new JinjaError(TemplateFailure.Limit, "an integer has more than 4300 digits") { Offset = token.Offset };
        int radix = digits.Length < 2 ? 10 : char.ToLowerInvariant(digits[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 };
        return radix == 10
            ? BigInteger.Parse(digits, CultureInfo.InvariantCulture)
            : digits.Skip(2).Aggregate(BigInteger.Zero, (value, digit) => value * radix + Convert.ToInt32(digit.ToString(), 16));
    }

    private SequenceExpression ParseList()
    {
        int offset = tokens.Next().Offset;
        List<Expression> items = [];
        while (!tokens.Current.Is("]"))
        {
            if (items.Count > 0) tokens.Expect(",");
            if (tokens.Current.Is("]")) break;
            items.Add(Parse());
        }

        tokens.Expect("]");
        return Built(new SequenceExpression(items, isTuple: false, offset));
    }

    private DictExpression ParseDict()
    {
        int offset = tokens.Next().Offset;
        List<(Expression, Expression)> entries = [];
        while (!tokens.Current.Is("}"))
        {
            if (entries.Count > 0) tokens.Expect(",");
            if (tokens.Current.Is("}")) break;
            Expression key = Parse();
            tokens.Expect(":");
            entries.Add((key, Parse()));
        }

        tokens.Expect("}");
        return Built(new DictExpression(entries, offset));
    }

    private Expression ParsePostfix(Expression value)
    {
        while (true)
        {
            JinjaToken token = tokens.Current;
            if (token.Is(".")) value = ParseAttribute(value);
            else if (token.Is("[")) value = ParseSubscript(value);
            else if (token.Is("(")) value = Built(new CallExpression(value, ParseArguments(), token.Offset));
            else return value;
        }
    }

    private Expression ParseFiltersAndTests(Expression value)
    {
        while (true)
        {
            JinjaToken token = tokens.Current;
            if (token.Is("|")) value = ParseFilters(value, startsInline: false)!;
            else if (token.IsName("is")) value = ParseTest(value);
            else if (token.Is("(")) value = Built(new CallExpression(value, ParseArguments(), token.Offset));
            else return value;
        }
    }

    /// <summary>Bounds how deep an expression is: a chain of operators nests as deep as it is long when it is evaluated.</summary>
    private static T Built<T>(T expression)
        where T : Expression
    {
        foreach (Node child in expression.Children) expression.Depth = Math.Max(expression.Depth, child.Depth + 1);
        return expression.Depth <= DeepestExpression ? expression
            : throw new JinjaError(TemplateFailure.Limit, $"an expression is nested deeper than {DeepestExpression}") { Offset = expression.Offset };
    }

    private Expression ParseAttribute(Expression value)
    {
        int offset = tokens.Next().Offset;
        JinjaToken token = tokens.Next();
        return token.Kind switch
        {
            TokenKind.Name => Built(new AttributeExpression(value, token.Text, offset)),
            TokenKind.Integer => Built(new ItemExpression(value, new ConstantExpression(IntValue.Of(ParseInteger(token)), token.Offset), offset)),
            _ => throw new JinjaError(TemplateFailure.Syntax, "expected name or number") { Offset = token.Offset },
        };
    }

    private Expression ParseSubscript(Expression value)
    {
        int offset = tokens.Next().Offset;
        List<Expression> keys = [];
        Expression? slice = null;
        while (!tokens.Current.Is("]"))
        {
            if (keys.Count > 0 || slice is not null) tokens.Expect(",");
            if (slice is not null) throw tokens.Error("a slice cannot stand beside other subscripts");
            slice = ParseSlice(value, offset, keys);
        }

        tokens.Expect("]");
        if (slice is not null) return keys.Count == 0 ? slice : throw tokens.Error("a slice cannot stand beside other subscripts");
        return Built(new ItemExpression(value, keys.Count == 1 ? keys[0] : Built(new SequenceExpression(keys, isTuple: true, offset)), offset));
    }

    /// <summary>Adds a key, or gives the slice that stands there.</summary>
    private SliceExpression? ParseSlice(Expression value, int offset, List<Expression> keys)
    {
        Expression? start = tokens.Current.Is(":") ? null : Parse();
        if (!tokens.Skip(":"))
        {
            keys.Add(start!);
            return null;
        }

        Expression? stop = tokens.Current.Is(":") || IsEndOfSubscript() ? null : Parse();
        Expression? step = tokens.Skip(":") && !IsEndOfSubscript() ? Parse() : null;
        return Built(new SliceExpression(value, start, stop, step, offset));
    }

    private bool IsEndOfSubscript() => tokens.Current.Is("]") || tokens.Current.Is(",");

    private ArgumentList ParseArguments()
    {
        using TokenStream.Level level = tokens.Enter();
        tokens.Expect("(");
        List<Expression> positional = [];
        List<(string, Expression)> named = [];
        Expression? morePositional = null;
        Expression? moreNamed = null;
        for (bool isFirst = true; !tokens.Current.Is(")"); isFirst = false)
        {
            if (!isFirst) tokens.Expect(",");
            if (tokens.Current.Is(")")) break;
            if (tokens.Skip("*")) morePositional = Once(morePositional is null && moreNamed is null);
            else if (tokens.Skip("**")) moreNamed = Once(moreNamed is null);
            else if (tokens.Current.Kind == TokenKind.Name && tokens.Peek().Is("=")) named.Add((ParseKeyword(moreNamed is null), Parse()));
            else positional.Add(Once(morePositional is null && moreNamed is null && named.Count == 0));
        }

        tokens.Expect(")");
        return new ArgumentList(positional, named, morePositional, moreNamed);
    }

    private Expression Once(bool isAllowed) => isAllowed ? Parse() : throw tokens.Error("invalid syntax for function call expression");

    private string ParseKeyword(bool isAllowed)
    {
        if (!isAllowed) throw tokens.Error("invalid syntax for function call expression");
        string name = tokens.Next().Text;
        tokens.Next();
        return name;
    }

    private Expression ParseTest(Expression value)
    {
        int offset = tokens.Next().Offset;
        bool isNegated = tokens.SkipName("not");
        string name = ParseDottedName();
        ArgumentList arguments = tokens.Current.Is("(") ? ParseArguments() : ParseTestOperand();
        Expression test = Built(new TestExpression(value, name, arguments, offset));
        return isNegated ? Built(new NotExpression(test, offset)) : test;
    }

    /// <summary>A test may have one argument without parentheses.</summary>
    private ArgumentList ParseTestOperand()
    {
        JinjaToken token = tokens.Current;
        bool isOperand = token.Kind is TokenKind.Name or TokenKind.Text or TokenKind.Integer or TokenKind.Float || token.Is("[") || token.Is("{");
        if (!isOperand || token.IsName("else") || token.IsName("or") || token.IsName("and")) return ArgumentList.Empty;
        if (token.IsName("is")) throw tokens.Error("You cannot chain multiple tests with is");
        return new ArgumentList([ParsePostfix(ParsePrimary())], [], null, null);
    }

    private string ParseDottedName()
    {
        string name = ParseName();
        while (tokens.Skip(".")) name += "." + ParseName();
        return name;
    }
}
