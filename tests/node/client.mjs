// A partner's application as its engineers would write it, with the certified `openid-client`. Reads a job from its
// argument, tells of each step as a line of JSON, and waits on its input for the address to which the browser came back.
import { createInterface } from 'node:readline'
import { importJWK } from 'jose'
import * as oauth from 'openid-client'

const job = JSON.parse(process.argv[2])
const tell = (step, value) => console.log(JSON.stringify({ step, value }))
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const insecure = { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] }

async function authentication() {
  switch (job.method) {
    case 'client_secret_basic':
      return oauth.ClientSecretBasic(job.secret)
    case 'client_secret_post':
      return oauth.ClientSecretPost(job.secret)
    case 'private_key_jwt':
      return oauth.PrivateKeyJwt({ key: await importJWK(job.key, 'ES256'), kid: job.key.kid })
    default:
      return oauth.None()
  }
}

const config = await oauth.discovery(new URL(job.issuer), job.client_id, undefined, await authentication(), insecure)
const options = {}
if (job.dpop) {
  const pair = await oauth.randomDPoPKeyPair('ES256')
  options.DPoP = oauth.getDPoPHandle(config, pair)
}
const ask = async (tokens) => {
  const answer = await oauth.fetchProtectedResource(
    config, tokens.access_token, new URL('/v1/partner/profile', job.issuer), 'GET', undefined, undefined, options,
  )
  return (await answer.json()).id
}

if (job.flow === 'client_credentials') {
  const tokens = await oauth.clientCredentialsGrant(config, { scope: job.scope }, options)
  tell('tokens', { type: tokens.token_type, scope: tokens.scope, partner: await ask(tokens) })
} else {
  const verifier = oauth.randomPKCECodeVerifier()
  const state = oauth.randomState()
  const parameters = {
    redirect_uri: job.redirect_uri, scope: job.scope, state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  }
  const address = job.push
    ? await oauth.buildAuthorizationUrlWithPAR(config, parameters, options)
    : oauth.buildAuthorizationUrl(config, parameters)
  tell('authorize', address.href)
  const came = new URL((await lines.next()).value)
  const first = await oauth.authorizationCodeGrant(config, came, { pkceCodeVerifier: verifier, expectedState: state }, undefined, options)
  tell('tokens', { type: first.token_type, scope: first.scope, partner: await ask(first) })
  const second = await oauth.refreshTokenGrant(config, first.refresh_token, undefined, options)
  tell('refreshed', { changed: second.refresh_token !== first.refresh_token, partner: await ask(second) })
  if (job.method !== 'none') {
    tell('introspected', (await oauth.tokenIntrospection(config, second.access_token)).active)
  }
  await oauth.tokenRevocation(config, second.refresh_token)
  try {
    await oauth.refreshTokenGrant(config, second.refresh_token, undefined, options)
    tell('after', 'it still works')
  } catch (error) {
    tell('after', error.error)
  }
}
process.exit(0) // connections that are kept alive would keep the program, too
