using System.Globalization;
using System.Text;
using Gateway.Tests.Support;

namespace Gateway.Tests.Gateway.Metering;

/// <summary>
/// Writes random JSON objects in which names that matter stand everywhere, with random blanks, escapes, duplicates and look-alikes.
/// As an event: on one line, its names without escapes, and nothing that only the first event of a stream has to tell.
/// </summary>
internal sealed class RandomAnswer(TestRandom random, bool isEvent)
{
    private static readonly string[] EventNames =
    [
        "choices", "choices", "usage", "usage", "usage", "error", "stop_reason", "delta", "message", "response", "x", "finish_reason",
    ];

    private static readonly string[] BodyNames = [.. EventNames, "id", "model", "provider", "status", "type", "incomplete_details", "é"];

    private static readonly string[] UsageNames =
    [
        "prompt_tokens", "input_tokens", "completion_tokens", "output_tokens", "total_tokens", "cost", "cost", "prompt_tokens_details",
        "input_tokens_details", "completion_tokens_details", "cache_read_input_tokens", "cache_creation_input_tokens", "usage", "id",
    ];

    private static readonly string[] DetailNames = ["cached_tokens", "reasoning_tokens", "cost", "reason", "stop_reason"];

    private static readonly string[] Numbers =
    [
        "0", "1", "17", "-1", "-0", "1.5", "1e2", "12345678901234567890", "0.00014", "1.4e-05",
        "0.00012345678949999999", "1000000000000000",
    ];

    private static readonly string[] Texts =
    [
        "", "stop", "a/b", "error", "in_progress", "completed", "0.25", "-3", "é😀", "\"usage\":{\"cost\":1}", "\\",
        "tab\there", "{[", "message",
    ];

    private readonly StringBuilder _text = new();

    public string Next()
    {
        _text.Clear();
        WriteObject(isEvent ? EventNames : BodyNames, depth: 0);
        return _text.ToString();
    }

    private void WriteObject(string[] names, int depth)
    {
        _text.Append('{');
        Blank();
        var count = random.Next(depth == 0 ? 9 : 5);
        for (var i = 0; i < count; i++)
        {
            var name = names[random.Next(names.Length)];
            WriteString(name, mayEscape: !isEvent);
            Blank();
            _text.Append(':');
            Blank();
            WriteValue(name, depth + 1);
            Blank();
            if (i < count - 1)
            {
                _text.Append(',');
                Blank();
            }
        }

        _text.Append('}');
    }

    private void WriteValue(string name, int depth)
    {
        var kind = depth > 5 ? random.Next(4) : random.Next(9);

        // A member with a known shape mostly gets it.
        if (depth <= 5 && random.Next(4) > 0)
        {
            kind = name switch
            {
                "choices" => 4,
                "usage" or "delta" or "message" or "response" or "incomplete_details" => 5,
                _ when name.EndsWith("_details", StringComparison.Ordinal) => 5,
                _ when name.EndsWith("_tokens", StringComparison.Ordinal) || name == "cost" => 2,
                _ => kind,
            };
        }

        switch (kind)
        {
            case 0:
                _text.Append(random.Next(2) == 0 ? "null" : random.Next(2) == 0 ? "true" : "false");
                break;
            case 1 or 3:
                WriteString(Texts[random.Next(Texts.Length)], mayEscape: true);
                break;
            case 2:
                _text.Append(Numbers[random.Next(Numbers.Length)]);
                break;
            case 4 or 6:
                WriteArray(depth);
                break;
            default:
                WriteObject(NamesIn(name), depth);
                break;
        }
    }

    private void WriteArray(int depth)
    {
        _text.Append('[');
        Blank();
        var count = random.Next(4);
        for (var i = 0; i < count; i++)
        {
            WriteValue(i > 1 ? "x" : "delta", depth + 1);
            Blank();
            _text.Append(i < count - 1 ? "," : "");
            Blank();
        }

        _text.Append(']');
    }

    private string[] NamesIn(string name)
    {
        return name switch
        {
            "usage" => UsageNames,
            _ when name.EndsWith("_details", StringComparison.Ordinal) => DetailNames,
            _ => isEvent ? EventNames : BodyNames,
        };
    }

    private void WriteString(string text, bool mayEscape)
    {
        _text.Append('"');
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value is '"' or '\\')
            {
                _text.Append('\\').Append(rune.ToString());
            }
            else if (rune.Value < ' ' || (mayEscape && random.Next(12) == 0))
            {
                // Both halves of a pair, or none.
                foreach (var unit in rune.ToString())
                {
                    _text.Append("\\u").Append(((int)unit).ToString(random.Next(2) == 0 ? "x4" : "X4", CultureInfo.InvariantCulture));
                }
            }
            else
            {
                _text.Append(rune.ToString());
            }
        }

        _text.Append('"');
    }

    private void Blank()
    {
        if (random.Next(5) == 0)
        {
            _text.Append(isEvent ? " \t"[random.Next(2)] : " \t\r\n"[random.Next(4)]);
        }
    }
}
