/** Where the client's address is handed to the library; taken out of what comes from outside. */
export const addressHeaderName = 'x-islet-client-address';
/** Programs that sign in with this header get tokens instead of a cookie. */
export const tokensHeader = 'x-auth-tokens';
