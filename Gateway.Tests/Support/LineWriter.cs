using System.Text;

namespace Gateway.Tests.Support;

/// <summary>The output of a gateway inside the test's process: passes whole lines on.</summary>
internal sealed class LineWriter(Action<string> add) : TextWriter
{
    private readonly Lock _gate = new();
    private readonly StringBuilder _line = new();

    /// <inheritdoc />
    public override Encoding Encoding => Encoding.UTF8;

    /// <inheritdoc />
    public override void Write(char value)
    {
        lock (_gate)
        {
            if (value != '\n')
            {
                _line.Append(value);
                return;
            }

            add(_line.ToString());
            _line.Clear();
        }
    }
}
