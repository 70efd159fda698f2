using System.Text;

namespace Gateway.CommandLine;

/// <summary>The writers of standard output and standard error.</summary>
internal static class StandardStreams
{
    // The console's own writer makes one system call per 256 characters.
    private const int OutputBuffer = 64 * 1024;

    /// <summary>
    /// A writer to standard output. A lone surrogate, which a model's name may contain, becomes U+FFFD: an exception would leave it in the
    /// writer's buffer, so that no later write succeeds.
    /// </summary>
    public static StreamWriter Output(Stream stream) => new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), OutputBuffer);

    /// <summary>A writer to standard error. A write that fails is ignored: the exit code still says that the command failed.</summary>
    public static TextWriter Error(TextWriter inner) => new ErrorWriter(inner);

    private sealed class ErrorWriter(TextWriter inner) : TextWriter
    {
        public override Encoding Encoding => inner.Encoding;

        public override void Write(char value) => Try(() => inner.Write(value));

        public override void Write(char[] buffer, int index, int count) => Try(() => inner.Write(buffer, index, count));

        public override void Write(string? value) => Try(() => inner.Write(value));

        public override void WriteLine(string? value) => Try(() => inner.WriteLine(value));

        public override Task WriteLineAsync(string? value)
        {
            WriteLine(value);
            return Task.CompletedTask;
        }

        public override void Flush() => Try(inner.Flush);

        private static void Try(Action write)
        {
            try
            {
                write();
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                // There is no other place to report it.
            }
        }
    }
}
