namespace HopBenchmark;

/// <summary>
/// Peak resident memory with many large bodies at once, at its worst: all of them are held back before their last byte, so that the
/// gateway has every one of them whole at the same time.
/// </summary>
internal static class BodyMemory
{
    public const int Bodies = 16;
    public const double GoalMegabytes = 600;

    /// <summary>How often all of them come, one time behind the other: what pools keep shows only then.</summary>
    public const int Waves = 5;

    /// <summary>Runs waves of bodies, one behind the other, against a gateway that has seen nothing before.</summary>
    public static async Task<double> RunAsync(Hop gateway, byte[] body)
    {
        for (var wave = 0; wave < Waves; wave++)
        {
            var clients = Enumerable.Range(0, Bodies).Select(_ => new RawClient(gateway.Url, body, gateway.Keys)).ToArray();
            try
            {
                await Task.WhenAll(clients.Select(client => client.ConnectAsync()));
                await Task.WhenAll(clients.Select(client => client.SendAllButLastByteAsync().AsTask()));
                var answers = await Task.WhenAll(clients.Select(client => client.FinishAsync().AsTask()));
                if (answers.Contains(false))
                {
                    throw new InvalidOperationException("a large body was not answered with 200");
                }
            }
            finally
            {
                foreach (var client in clients)
                {
                    client.Dispose();
                }
            }
        }

        return gateway.Process!.PeakMegabytes;
    }
}
