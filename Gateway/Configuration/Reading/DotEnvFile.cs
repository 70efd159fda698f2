using System.Text;

namespace Gateway.Configuration.Reading;

/// <summary>
/// Reads <c>.env</c>: one <c>KEY=VALUE</c> per line, with comments, <c>export</c> and quotes. Messages never quote a value, which may be a
/// secret.
/// </summary>
internal static class DotEnvFile
{
    /// <summary>Reads the file.</summary>
    /// <param name="utf8">Its content.</param>
    /// <param name="file">Its name for messages.</param>
    /// <param name="faults">Receives a fault for each unreadable line.</param>
    public static IReadOnlyDictionary<string, string> Read(ReadOnlySpan<byte> utf8, string file, ICollection<SettingsFault> faults)
    {
        if (utf8.StartsWith(Encoding.UTF8.Preamble))
        {
            utf8 = utf8[Encoding.UTF8.Preamble.Length..];
        }

        var variables = new OrderedDictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var lines = Encoding.UTF8.GetString(utf8).Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i].Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            if (Fault(line, variables) is { } fault)
            {
                faults.Add(new SettingsFault(file, $"line {i + 1}: {fault}"));
            }
        }

        return variables;
    }

    private static string? Fault(string line, OrderedDictionary<string, string> variables)
    {
        if (line.StartsWith("export ", StringComparison.Ordinal))
        {
            line = line["export ".Length..].TrimStart();
        }

        var split = line.IndexOf('=');
        if (split < 0)
        {
            return "has no '='; expected KEY=VALUE";
        }

        var name = line[..split].TrimEnd();
        if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-') || char.IsAsciiDigit(name[0]))
        {
            return "has no name before '='; expected KEY=VALUE with a KEY of letters, digits, '_', '.' and '-'";
        }

        if (Value(line[(split + 1)..].TrimStart(), out var value) is { } fault)
        {
            return $"{name}: {fault}";
        }

        return variables.TryAdd(name, value) ? null : $"{name} is set twice; expected each key once";
    }

    private static string? Value(string text, out string value)
    {
        value = "";
        if (text.Length > 0 && (text[0] is '"' or '\''))
        {
            var quote = text[0];
            var read = new StringBuilder();
            for (var i = 1; i < text.Length; i++)
            {
                if (text[i] == quote)
                {
                    value = read.ToString();
                    var rest = text[(i + 1)..].TrimStart();
                    return rest.Length == 0 || rest[0] == '#' ? null : "has text after its closing quote";
                }

                // Escapes are interpreted in double quotes only, as in a shell.
                if (quote == '"' && text[i] == '\\' && i + 1 < text.Length)
                {
                    i++;
                    read.Append(text[i] switch
                    {
                        'n' => "\n",
                        'r' => "\r",
                        't' => "\t",
                        '"' or '\\' or '$' or '\'' => text[i].ToString(),
                        var other => "\\" + other,
                    });
                }
                else
                {
                    read.Append(text[i]);
                }
            }

            return "has an opening quote without a closing one";
        }

        // A comment needs a space before it. A # inside a value belongs to the value.
        var comment = text.StartsWith('#') ? 0 : CommentStart(text);
        value = (comment < 0 ? text : text[..comment]).Trim();
        return null;
    }

    private static int CommentStart(string text)
    {
        for (var i = 1; i < text.Length; i++)
        {
            if (text[i] == '#' && (text[i - 1] is ' ' or '\t'))
            {
                return i;
            }
        }

        return -1;
    }
}
