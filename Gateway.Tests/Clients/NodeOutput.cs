namespace Gateway.Tests.Clients;

/// <summary>The output and the exit code of a program that has ended.</summary>
internal sealed record NodeOutput(int ExitCode, string Out, string Error);
