namespace LlmService.Tokenizers.Jinja;

/// <summary>Which of some names a body reads without having set them before, in reading order.</summary>
internal static class NameSearch
{
    public static HashSet<string> Undeclared(IEnumerable<Node> nodes, params string[] names)
    {
        HashSet<string> searched = [.. names];
        HashSet<string> found = [];
        foreach (Node node in nodes) Visit(node, searched, found);
        return found;
    }

    private static void Visit(Node node, HashSet<string> searched, HashSet<string> found)
    {
        switch (node)
        {
            case NameExpression { Name: var name } when searched.Contains(name):
                found.Add(name);
                break;
            case NameTarget { Name: var name }:
                searched.Remove(name);
                break;
            case BlockStatement:
                break;
            default:
                foreach (Node child in node.Children) Visit(child, searched, found);
                break;
        }
    }
}
