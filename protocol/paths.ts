/** Paths below a deployment's base URL. */
export const enrollPath = '/v1/enroll';
export const checkinPath = '/v1/checkin';
