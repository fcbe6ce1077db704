using LlmService.Tokenizers.Jinja;

namespace LlmService.Tokenizers;

/// <summary>What the libraries of published models do to a text before they tokenize it, as Python's strings have it.</summary>
public static class PythonStrings
{
    /// <summary><c>str.strip()</c>: a text without the white space at its ends.</summary>
    public static string Strip(string text)
    {
        int start = 0, end = text.Length;
        while (start < end && PythonText.IsSpace(text[start])) start++;
        while (end > start && PythonText.IsSpace(text[end - 1])) end--;
        return text[start..end];
    }

    /// <summary><c>str.lower()</c>: a text in lower case by Unicode's rules, a final sigma included.</summary>
    public static string Lower(string text) => PythonText.Lower(text);
}
