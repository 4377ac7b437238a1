import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { Test } from 'tap';

/** Made for tests, for api.test, other.test and 127.0.0.1; nothing else trusts it. */
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgwxLkpzUliGxlGWXJ
muMlWIVFbq8jKqdoZFbtQo0AAyShRANCAATbcSMkC7jNdqz6TWIb7CXZODNlRD3J
7wN5sqK2EjKPk/ynfLHUc/1NWStc8llI1XU2FyeELj0tsBE9cNPW/dpt
-----END PRIVATE KEY-----`;
const cert = `-----BEGIN CERTIFICATE-----
MIIBqDCCAU6gAwIBAgIUIYs5m262Am1arZaBccatVzvu1+owCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKaXNsZXQgdGVzdDAgFw0yNjExMjQwNTA2MzhaGA8yMTI2MTAz
MTA1MDYzOFowFTETMBEGA1UEAwwKaXNsZXQgdGVzdDBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABNtxIyQLuM12rPpNYhvsJdk4M2VEPcnvA3myorYSMo+T/Kd8sdRz
/U1ZK1zyWUjVdTYXJ4QuPS2wET1w09b92m2jejB4MB0GA1UdDgQWBBS9iQS56+xx
ZYG52I2dNi8xe2/FsTAfBgNVHSMEGDAWgBS9iQS56+xxZYG52I2dNi8xe2/FsTAP
BgNVHRMBAf8EBTADAQH/MCUGA1UdEQQeMByCCGFwaS50ZXN0ggpvdGhlci50ZXN0
hwR/AAABMAoGCCqGSM49BAMCA0gAMEUCIHM4CqiCaHYuT6MQVocPGfzGk/68AI2f
1NmeskwoUGdaAiEA1YcvAA2z8LcBXbEcC7Bu5nCxsIosEWRQAhj8wVqJ8U0=
-----END CERTIFICATE-----`;

/**
 * A real TLS server on loopback whose certificate this process trusts from now on, under the names it has; gives its port.
 * Upgrades are answered where `upgrade` does it.
 */
export async function temporaryTlsServer(
  t: Test,
  listener: (request: IncomingMessage, response: ServerResponse) => void,
  upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
): Promise<number> {
  setDefaultCACertificates([...getCACertificates('default'), cert]);
  const server = createServer({ key, cert }, listener);
  if (upgrade !== undefined) server.on('upgrade', upgrade);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}
